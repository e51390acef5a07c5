"""From rows to token ids: what the model is given, and what it must predict.

A row is a mapping of one of four kinds: `text` {text}, `completion` {context, completion}, `qa` {context_id,
question, answer} with the contexts in a mapping of their own, `chat` {messages, tools}. Prompt and
completion are tokenised apart, so that the border between them is a token border; a context is tokenised once
for all its pairs. What a chat template makes of a row is `templates`' and is tokenised as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson

from services.trainer.data.encoding import Encoder, Piece, special_tokens
from services.trainer.data.examples import Example, Ids
from services.trainer.data.fitting import fit, grouped
from services.trainer.data.templates import ChatTemplate, ChatText, Message
from services.trainer.errors import BadRow, EmptyRows, SpecialTokensInRows, UnsuitableModel
from shared.contracts.chats import is_learnable
from shared.contracts.training.results import RenderingCounts
from shared.contracts.training.settings import RenderingSettings
from shared.datasets import is_loss_weight, value_at

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Row = Mapping[str, Any]
_FIELDS = (("question", "answer"), ("context", "completion"), ("text",))
"""A row's own words, of each kind but chats; the last are learned, and tell the kind with the first."""


@dataclass(frozen=True)
class Rendered:
    """All rows in tokens, in the order given, and what became of the ones that did not fit."""

    examples: tuple[Example, ...]
    counts: RenderingCounts


def render(
    rows: Sequence[Row],
    tokenizer: PreTrainedTokenizerBase,
    settings: RenderingSettings,
    *,
    context_length: int | None,
    contexts: Mapping[str, str] | None = None,
    vocabulary: int | None = None,
    weights: str | None = None,
) -> Rendered:
    """Tokens of every row, none longer than the limit.

    `context_length` is the model's own limit in tokens; `settings.max_length` may only lower it.
    `vocabulary` is the number of tokens that the model knows. `weights` is the field of a row that says what
    it counts in the loss; all count alike where unset. Raises BadRow (a weight that is none among them),
    OverLongRows, UnsuitableModel (a chat template asked of a tokenizer without one, tokens that the model
    does not know).
    """
    named = [(row_name(row, index), row) for index, row in enumerate(rows)]
    kept, empty = _without_empty(named, settings)
    renderer = _Renderer(tokenizer, settings, contexts or {})
    renderer.refuse_special(kept)
    examples = grouped([renderer.example(row, name) for name, row in kept])
    if weights is not None:
        examples = [
            replace(example, weight=_weight(row, weights, example.row))
            for (_, row), example in zip(kept, examples, strict=True)
        ]
    limits = [limit for limit in (settings.max_length, context_length) if limit is not None]
    fitted, dropped, windowed = fit(examples, min(limits) if limits else None, settings, renderer.lead)
    _require_rows(fitted, len(rows))
    _require_known(fitted, vocabulary)
    counts = RenderingCounts(
        rows=len(fitted),
        tokens=sum(map(len, fitted)),
        predicted_tokens=sum(example.predicted for example in fitted),
        longest=max(map(len, fitted)),
        endless=renderer.endless,
        split_special=renderer.split_special,
        thoughts_left_out=renderer.thoughts_left_out,
        dropped=dropped,
        windowed=windowed,
        empty=empty,
    )
    return Rendered(tuple(fitted), counts)


def _without_empty(
    named: Sequence[tuple[str, Row]], settings: RenderingSettings
) -> tuple[list[tuple[str, Row]], tuple[str, ...]]:
    """The rows that have something to learn, and the names of the others. Raises EmptyRows."""
    empty: list[str] = []
    kept: list[tuple[str, Row]] = []
    what = "completion"
    for name, row in named:
        if "messages" in row:
            field, blank = "assistant's part", not is_learnable(row["messages"])
        else:
            field = _fields(row)[-1]
            value = row.get(field)
            blank = isinstance(value, str) and not value.strip()
        if blank:
            what = field
            empty.append(name)
        else:
            kept.append((name, row))
    if empty and settings.empty == "refuse":
        raise EmptyRows(empty, what)
    return kept, tuple(empty)


def row_name(row: Row, index: int) -> str:
    """The row's own `id`, or its place in the data set."""
    return str(row.get("id", index))


def _require_rows(examples: Sequence[Example], given: int) -> None:
    if not examples:
        raise BadRow("-", f"no rows are left of {given}: there is nothing to learn from")


def _require_known(examples: Sequence[Example], vocabulary: int | None) -> None:
    """An unknown token is an IndexError on the CPU, and on a GPU the end of the process."""
    highest = max(max(example.ids) for example in examples)
    if vocabulary is not None and highest >= vocabulary:
        raise UnsuitableModel(
            f"The tokenizer gives token {highest}, and the model knows {vocabulary} tokens: give the "
            f"architecture a vocab_size above {highest}, or use the tokenizer that belongs to the model."
        )


class _Renderer:
    """Templates and tokenizer of one request."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, settings: RenderingSettings, contexts: Mapping[str, str]
    ) -> None:
        self.settings, self.contexts = settings, contexts
        self.lead = _leading_ids(tokenizer)
        self.tail: Ids = () if tokenizer.eos_token_id is None else (int(tokenizer.eos_token_id),)
        self.endless = self.split_special = self.thoughts_left_out = 0
        self._tokenizer = tokenizer
        self._encoder = Encoder(tokenizer)
        self._specials = special_tokens(tokenizer)
        self._ends = {
            *self.tail,
            *(n for n, token in tokenizer.added_tokens_decoder.items() if token.special),
        }
        self._encode_context = lru_cache(maxsize=None)(self._encode_text)
        self._template = ChatTemplate(tokenizer, settings, self._specials) if settings.chat_template else None

    def refuse_special(self, named: Iterable[tuple[str, Row]]) -> None:
        """Raises SpecialTokensInRows for rows whose own text has special tokens written out, unless these
        are to be split; then the rows are counted."""
        found = {name: tokens for name, row in named if (tokens := self._special_in(row))}
        if found and self.settings.special_tokens == "refuse":
            raise SpecialTokensInRows(list(found), sorted(set().union(*found.values())))
        self.split_special = len(found)

    def _special_in(self, row: Row) -> set[str]:
        if self._specials is None:
            return set()
        texts = [str(row.get(field, "")) for field in _fields(row)]
        if "question" in row:
            texts.append(self.contexts.get(str(row.get("context_id")), ""))
        for message in row.get("messages", ()):
            texts += [message["content"], message.get("reasoning_content", "")]
        return {token for text in texts for token in self._specials.findall(text)}

    def example(self, row: Row, name: str) -> Example:
        """Raises BadRow when nothing of the row would be predicted."""
        made = self._example(row, name)
        if made.predicted < 1:
            raise BadRow(name, "is a single token: there is nothing to predict it from")
        return made

    def _example(self, row: Row, name: str) -> Example:
        if "messages" in row:
            return self._messages(row, name)
        if "question" in row:
            return self._qa(row, name)
        if "completion" in row:
            context, completion = _field(row, "context", name), _field(row, "completion", name)
            return self._prompted(
                name, _filled(self.settings.prompt_template, "context", context), completion
            )
        if "text" in row:
            return self._text(_field(row, "text", name), name)
        raise BadRow(
            name,
            "is neither 'text', 'completion', 'qa' nor 'chat': its fields are " + ", ".join(sorted(row)),
        )

    def _text(self, text: str, name: str) -> Example:
        if self.settings.chat_template:
            raise BadRow(
                name, "is plain text, and a chat needs a prompt and an answer: set chat_template to false"
            )
        return Example(name, self.lead, self._encode_text(text) + self._ending())

    def _qa(self, row: Row, name: str) -> Example:
        key = _field(row, "context_id", name)
        if key not in self.contexts:
            raise BadRow(name, f"its context {key!r} is not among the {len(self.contexts)} contexts")
        context = _filled(self.settings.qa_context_template, "context", self.contexts[key])
        question = _filled(self.settings.qa_question_template, "question", _field(row, "question", name))
        answer = _field(row, "answer", name)
        if self.settings.chat_template:
            return replace(self._prompted(name, context + question, answer), group=key)
        shared = self.lead + self._encode_context(*context)
        return Example(
            name,
            shared + self._encode_pieces(question, on=True),
            self._completion(answer),
            key,
            len(shared),
        )

    def _prompted(self, name: str, prompt: Sequence[Piece], completion: str) -> Example:
        if self.settings.chat_template:
            user = {"role": "user", "content": "".join(text for text, _ in prompt)}
            return self._chat([user, {"role": "assistant", "content": completion}], None, name)
        return Example(name, self.lead + self._encode_pieces(prompt), self._completion(completion))

    def _messages(self, row: Row, name: str) -> Example:
        if self.settings.over_long == "window":
            raise BadRow(name, "is a chat, which cannot be windowed: set over_long to 'drop' or 'refuse'")
        if self._template is None:
            self._template = ChatTemplate(self._tokenizer, self.settings, self._specials)
        made = self._chat(row["messages"], row.get("tools"), name)
        return replace(made, group=_system(row), is_chat=True)

    def _chat(self, messages: Sequence[Message], tools: Any, name: str) -> Example:
        assert self._template is not None
        chat = self._template.chat(messages, tools, name)
        self.thoughts_left_out += chat.thoughts_left_out
        return self._of_parts(name, self._parts(chat))

    def _parts(self, chat: ChatText) -> list[Ids]:
        """Tokens of what is given, learned, given, … of a chat, with an end where the template has none."""
        borders = [border for span in chat.learned for border in span]
        said = [chat.text[start:end] for start, end in chat.own]
        if self._specials is not None and any(map(self._specials.search, said)):
            parts = self._encode_around(chat, borders)
        else:
            parts = self._encoder.encode_at(chat.text, borders)
        if not self._ends.intersection(parts[-2][-1:]):
            if self._ending() and not parts[-1]:
                parts[-2] += self.tail
            else:
                self.endless += 1
        return parts

    def _encode_around(self, chat: ChatText, borders: Sequence[int]) -> list[Ids]:
        """The same where the row's own words have special tokens written out, which are plain text."""
        own = {border for span in chat.own for border in span}
        parts: list[Ids] = []
        for start, end in zip([0, *borders], [*borders, len(chat.text)], strict=True):
            places = sorted({start, end, *(place for place in own if start < place < end)})
            pieces = [
                (chat.text[a:b], any(first <= a and b <= last for first, last in chat.own))
                for a, b in pairwise(places)
            ]
            parts.append(self._encoder.encode_pieces(pieces, on=start > 0))
        return parts

    def _of_parts(self, name: str, parts: Sequence[Ids]) -> Example:
        prompt, completion = parts[0], sum(parts[1:], ())
        gaps: list[tuple[int, int]] = []
        place = len(prompt)
        for number, part in enumerate(parts[1:]):
            if number % 2 and part:
                gaps.append((place, place + len(part)))
            place += len(part)
        return Example(name, prompt, completion, gaps=tuple(gaps))

    def _completion(self, text: str) -> Ids:
        if not self._ending():
            self.endless += 1
        pieces = ((self.settings.separator, False), (text, True))
        return self._encode_pieces(pieces, on=True) + self._ending()

    def _ending(self) -> Ids:
        return self.tail if self.settings.append_eos else ()

    def _encode_text(self, *pieces: Piece | str) -> Ids:
        return self._encode_pieces([(piece, True) if isinstance(piece, str) else piece for piece in pieces])

    def _encode_pieces(self, pieces: Sequence[Piece], *, on: bool = False) -> Ids:
        """The pieces as one text; apart where a row's own has special tokens written out."""
        if self._specials is not None and any(own and self._specials.search(text) for text, own in pieces):
            return self._encoder.encode_pieces(pieces, on=on)
        text = "".join(text for text, _ in pieces)
        return self._encoder.encode_on(text) if on else self._encoder.encode(text)


def _fields(row: Row) -> tuple[str, ...]:
    if "messages" in row:
        return ()
    return next((fields for fields in _FIELDS if fields[0] in row or fields[-1] in row), ("",))


def _system(row: Row) -> str | None:
    """The tools and the system prompt that a chat begins with, where it has any."""
    first = row["messages"][0]
    said = first["content"] if first["role"] == "system" else None
    return orjson.dumps([row.get("tools"), said]).decode() if said or row.get("tools") else None


def _field(row: Row, field: str, name: str) -> str:
    value = row.get(field)
    if not isinstance(value, str):
        raise BadRow(name, f"its field {field!r} is {'missing' if value is None else 'not text'}")
    return value


def _filled(template: str, field: str, value: str) -> list[Piece]:
    """The template with the row's own text put in once, in pieces."""
    before, _, after = template.partition("{" + field + "}")
    return [(before, False), (value, True), (after, False)]


def _weight(row: Row, field: str, name: str) -> float:
    value = value_at(row, field)
    if not is_loss_weight(value):
        found = "missing" if value is None else f"{value!r}"
        raise BadRow(
            name,
            f"its weight in the loss, the field {field!r}, is {found}: make it a number above 0, and leave "
            "out rows that are not to count",
        )
    return float(value)


def _leading_ids(tokenizer: PreTrainedTokenizerBase) -> Ids:
    """What the tokenizer itself puts before a text (a BOS token, for Llama), and nothing of what it puts
    after.
    """
    if tokenizer.bos_token_id is None:
        return ()
    ids = tokenizer.encode("a", add_special_tokens=True)
    return (int(tokenizer.bos_token_id),) if ids and ids[0] == tokenizer.bos_token_id else ()
