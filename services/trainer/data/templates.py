"""Chats as the text of a tokenizer's chat template, and which of it the assistant says.

The border of a turn is found as it is at inference: before it stands what the template writes for the chat
so far and a turn to come (`add_generation_prompt`); behind it the rest of the chat. A template that marks
what is generated (`{% generation %}`) is believed instead. What was found is held against the row: the
assistant's words are in what is learned, everybody else's in what is given, or the row is refused by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError
from transformers.utils.chat_template_utils import render_jinja_template

from services.trainer.errors import BadRow, UnsuitableModel
from shared.contracts.training.settings import RenderingSettings

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Message = dict[str, Any]
Span = tuple[int, int]
ONE_DATE = (
    "{% macro strftime_now(format) %}{{ format | replace('%d', '26') | replace('%b', 'Jul') "
    "| replace('%B', 'July') | replace('%m', '07') | replace('%Y', '2024') }}{% endmacro %}"
)
"""Chat templates that write today's date (Llama 3, SmolLM3) write this one, which Llama's fall back to: the
same rows are the same tokens tomorrow.
"""
_MARKED = re.compile(r"\{%-?\s*generation\s*-?%\}")
_READS_PARTS = re.compile(r"""\[['"]text['"]\]|\.text\b""")
"""Templates of models that see take a message's content in parts, of which text is one."""
_OPENED = re.compile(r"<think>\s*$")
_THOUGHT = re.compile(r"^\s*<think>(.*?)</think>\s*", re.DOTALL)


@dataclass(frozen=True)
class ChatText:
    """A chat as text. `learned`: where the assistant's turns begin and end in it, in order.
    `own`: where the words of the row stand. `thoughts_left_out`: thoughts of turns before the last that the
    template does not write."""

    text: str
    learned: tuple[Span, ...]
    own: tuple[Span, ...]
    thoughts_left_out: int = 0


class ChatTemplate:
    """The chat template of one request. Raises UnsuitableModel where there is none, or for variables that it
    does not know."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        settings: RenderingSettings,
        specials: re.Pattern[str] | None,
    ) -> None:
        self._settings, self._specials = settings, specials
        template = settings.template or tokenizer.chat_template
        if not template:
            raise UnsuitableModel(
                "The tokenizer has no chat template, and the request asks for one (chats always do): give "
                "one in rendering.template, set chat_template to false, or use a model that has one."
            )
        self._template = str(settings.template or tokenizer.get_chat_template())
        if unknown := [
            name
            for name in settings.template_variables
            if not re.search(rf"\b{re.escape(name)}\b", self._template)
        ]:
            raise UnsuitableModel(
                f"The chat template has no variable {', '.join(unknown)}: what it does not read changes "
                "nothing. Correct rendering.template_variables."
            )
        self._is_marked = _MARKED.search(self._template) is not None
        if "strftime_now" in self._template:
            self._template = ONE_DATE + self._template
        self._known: dict[str, Any] = {**tokenizer.special_tokens_map, **settings.template_variables}

    def chat(self, messages: Sequence[Message], tools: Sequence[Message] | None, name: str) -> ChatText:
        """Raises BadRow where the template leaves out or changes what somebody says, UnsuitableModel where it
        fails or the border of a turn cannot be found."""
        given = [self._prepared(message) for message in messages]
        kept = list(tools) if tools and self._settings.tools == "keep" else None
        try:
            return self._chat(given, kept, name, in_parts=False)
        except BadRow:
            if not _READS_PARTS.search(self._template):
                raise
        return self._chat(given, kept, name, in_parts=True)

    def _prepared(self, message: Message) -> Message:
        if message["role"] != "assistant" or self._settings.thoughts == "keep":
            return message
        bare = {field: value for field, value in message.items() if field != "reasoning_content"}
        return bare | {"content": _THOUGHT.sub("", message["content"])}

    def _chat(self, messages: list[Message], tools: Any, name: str, *, in_parts: bool) -> ChatText:
        def written(some: Sequence[Message], **how: Any) -> str:
            return self._rendered(some, tools, in_parts=in_parts, **how)[0]

        whole, marked = self._rendered(messages, tools, in_parts=in_parts, mark=self._is_marked)
        turns = [place for place, message in enumerate(messages) if message["role"] == "assistant"]
        if self._is_marked:
            if len(marked) != len(turns):
                raise UnsuitableModel(
                    f"The chat template marks {len(marked)} generations in a chat with {len(turns)} turns of "
                    "the assistant: give another in rendering.template."
                )
            spans, left_out = list(marked), 0
        else:
            whole, spans, left_out = self._spans(messages, whole, turns, written, name)
        own = _held(messages, whole, dict(zip(turns, spans, strict=True)), name)
        learned = [place for place in turns if messages[place].get("weight") != 0]
        chosen = learned[-1:] if self._settings.learn == "last" else learned
        return ChatText(whole, tuple(spans[turns.index(place)] for place in chosen), own, left_out)

    def _rendered(
        self, messages: Sequence[Message], tools: Any, *, in_parts: bool, mark: bool = False, **how: Any
    ) -> tuple[str, list[Span]]:
        if in_parts:
            messages = [
                message | {"content": [{"type": "text", "text": message["content"]}]} for message in messages
            ]
        try:
            made: Any = render_jinja_template(  # its annotation says str
                conversations=[list(messages)],
                tools=tools,
                chat_template=self._template,
                return_assistant_tokens_mask=mark,
                **how,
                **self._known,
            )
            texts, marks = made
        except (TemplateError, TypeError, ValueError, KeyError, AttributeError) as error:
            raise UnsuitableModel(
                f"The chat template fails on a chat of {', '.join(message['role'] for message in messages)} "
                f"({error}): give another in rendering.template, or set chat_template to false."
            ) from error
        return str(texts[0]), [(int(start), int(end)) for start, end in marks[0]] if mark else []

    def _spans(
        self,
        messages: list[Message],
        whole: str,
        turns: Sequence[int],
        written: Callable[..., str],
        name: str,
    ) -> tuple[str, list[Span], int]:
        """The text (longer where a thought is put in that the template opens), the spans of the turns, and
        how many thoughts are left out."""
        spans: list[Span] = []
        left_out = 0
        for place in turns:
            start, opened = self._start(messages, whole, place, written)
            thought, answer = thought_and_answer(messages[place])
            is_last = place == len(messages) - 1
            if is_last and opened and "</think>" not in whole[start:]:
                # A model whose prompt opens a thought learns to think it and to close it.
                rest = whole[start:].lstrip("\n")  # a thought that was cut off leaves its line ends
                whole = f"{whole[:start]}{opened}{thought}\n</think>\n\n{rest}"
                start += len(opened)
            end = len(whole) if is_last else self._end(messages, whole, place, start, answer, written)
            if thought and thought not in whole[start:end]:
                if is_last:
                    raise BadRow(
                        name,
                        "the chat template leaves out what the assistant thinks in its last turn: set "
                        "rendering.thoughts to 'drop', or give a template that keeps it",
                    )
                left_out += 1
            spans.append((start, self._ended(whole, start, end)))
        return whole, spans, left_out

    def _start(
        self, messages: list[Message], whole: str, place: int, written: Callable[..., str]
    ) -> tuple[int, str]:
        """Where a turn begins in the text, and the thought that its prompt opens and the text has not."""
        without_thoughts = [_without_thought(message) for message in messages[:place]]
        for before in (messages[:place], without_thoughts):
            given = written(before, add_generation_prompt=True)
            if whole.startswith(given):
                return len(given), ""
            bare = _OPENED.sub("", given)
            if bare != given and whole.startswith(bare):
                return len(bare), given[len(bare) :]
        raise UnsuitableModel(
            "The tokenizer's chat template does not put the answer after the prompt: the border between what "
            "is given and what is learned cannot be found. Give another in rendering.template, or set "
            "chat_template to false."
        )

    def _end(
        self,
        messages: list[Message],
        whole: str,
        place: int,
        start: int,
        answer: str,
        written: Callable[..., str],
    ) -> int:
        """Where a turn that others follow ends: where the chat up to it does; behind its words and the
        special token that follows them where the template writes the last turn otherwise."""
        until = written(messages[: place + 1])
        if whole.startswith(until):
            return len(until)
        found = whole.find(answer, start)
        if found < 0:
            return start
        behind = found + len(answer)
        ending = self._specials.search(whole, behind) if self._specials else None
        return ending.end() if ending else behind

    def _ended(self, whole: str, start: int, end: int) -> int:
        """The end of a turn without the blanks behind its last special token."""
        last = start
        for special in self._specials.finditer(whole, start, end) if self._specials else ():
            last = special.end()
        return last if last > start and not whole[last:end].strip() else end


def _held(messages: list[Message], whole: str, spans: dict[int, Span], name: str) -> tuple[Span, ...]:
    """Where everybody's words are in the text, in their order. Raises BadRow where they are not, or the
    assistant's not where they are learned."""
    own: list[Span] = []
    place = 0
    for number, message in enumerate(messages):
        if message["role"] == "tool":  # written as JSON by some templates
            said = message["content"].strip()
            if said and (found := whole.find(said, place)) >= 0:
                own.append((found, found + len(said)))
            continue
        thought, words = "", message["content"].strip()
        if message["role"] == "assistant":
            thought, words = thought_and_answer(message)
        start, end = spans.get(number, (place, len(whole)))
        for said in (words, *_called(message)):
            if whole.find(said, start, end) < 0:
                raise BadRow(name, _not_written(message["role"], number, said, whole))
        for said in filter(None, (thought, words)):
            if (found := whole.find(said, start, end)) >= 0:
                own.append((found, found + len(said)))
                start = found + len(said)
        place = max(place, end if number in spans else start)
    return tuple(own)


def thought_and_answer(message: Message) -> tuple[str, str]:
    """What an assistant thinks before it answers, and what it says, without the blanks around."""
    content = str(message["content"])
    inline = _THOUGHT.match(content)
    thought = message.get("reasoning_content") or (inline[1] if inline else "")
    return str(thought).strip(), (content[inline.end() :] if inline else content).strip()


def _without_thought(message: Message) -> Message:
    if message["role"] != "assistant":
        return message
    bare = {field: value for field, value in message.items() if field != "reasoning_content"}
    return bare | {"content": thought_and_answer(message)[1]}


def _called(message: Message) -> list[str]:
    return [call["function"]["name"] for call in message.get("tool_calls") or ()]


def _not_written(role: str, number: int, said: str, whole: str) -> str:
    if said in whole:
        return f"the chat template writes what message {number} ({role}) says elsewhere than in its turn"
    return (
        f"the chat template writes nothing of what message {number} ({role}) says, or changes it "
        f"({said[:60]!r}): give another in rendering.template, or set chat_template to false"
    )
