"""The one step between a source and everything that reads it: what the model said, without what its server,
its chat template or its training put around it.

`read` takes an answer as it came (so it is kept in the journal) and gives the answer that rows, topics,
pairs, judges and the cluster-agent see. Thoughts are cut off, in whatever markup; a control token ends the
answer; a fence around the whole comes off, and bold from the labels that were asked for. What was taken off
is named in `Answer.taken`, so that it can be counted. Pure: no server, no clock, no randomness.
"""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from typing import Any

from services.generator.calls.call import Answer


class Finish(StrEnum):
    """Why an answer ended, over all servers' words for it."""

    STOP = "stop"
    """It was whole: an end token, a stop sequence, the end of the turn."""
    LENGTH = "length"
    """It was cut at max_tokens, or at the end of the context."""
    CONTENT_FILTER = "content_filter"
    TOOL_CALLS = "tool_calls"
    UNKNOWN = "unknown"


_FINISHES = {
    Finish.STOP: "stop eos eos_token end end_turn end_of_turn stop_sequence stop_token completed complete "
    "finished finish done",
    Finish.LENGTH: "length max_tokens max_token max_length max_output_tokens max_new_tokens token_limit "
    "model_length model_context_window_exceeded context_length incomplete",
    Finish.CONTENT_FILTER: "content_filter content_filtered safety recitation prohibited_content blocklist "
    "spii refusal guardrail_intervened sensitive image_safety language",
    Finish.TOOL_CALLS: "tool_calls tool_call tool_use function_call",
}
_FINISH = {word: finish for finish, words in _FINISHES.items() for word in words.split()}


def finish_of(word: Any) -> Finish:
    """The reason behind a server's word for it; what is not known is `UNKNOWN`, and no fault."""
    return _FINISH.get(word.strip().lower(), Finish.UNKNOWN) if isinstance(word, str) else Finish.UNKNOWN


class Taken(StrEnum):
    """What was taken off an answer."""

    THOUGHT = "thought"
    CONTROL = "control_token"
    FENCE = "fence"
    BOLD_LABEL = "bold_label"
    TITLE = "title"


_NAMES = r"think|thinking|thought|thoughts|reasoning|reflection|seed:think|scratchpad"
_TAG = re.compile(
    rf"(?<!`)(?:(?P<open><(?:{_NAMES})>|\[THINK\]|◁think▷|<\|START_THINKING\|>|<\|begin_of_thought\|>)"
    rf"|(?P<close></(?:{_NAMES})>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>|<\|end_of_thought\|>))",
    re.IGNORECASE,
)
"""A thought's ends, as DeepSeek-R1, Qwen, Magistral, Kimi, Seed-OSS, Command A and OpenThinker have them."""
_FINAL = re.compile(r"<\|channel\|?>\s*(?:final|response)\b[^<]*(?:<\|message\|>|<channel\|>)")
_CHANNEL = re.compile(r"^\s*(?:<\|start\|>assistant)?<\|channel\|?>")
_BARE_CHANNEL = re.compile(r"^\s*(?:analysis|commentary)(?=[A-Z]|\s).*?assistant\s*final", re.DOTALL)
"""gpt-oss' channels; by some servers their marks are dropped and the words stay."""
_WRAPPED = re.compile(
    r"^\s*(?:<(?P<tag>answer|response|output|solution)>|<\|(?:begin_of_solution|START_RESPONSE)\|>)(?P<inner>.*?)"
    r"(?:</(?P=tag)>|<\|(?:end_of_solution|END_RESPONSE)\|>)\s*$",
    re.DOTALL | re.IGNORECASE,
)
_OPENING = re.compile(
    r"^\s*(?:<s>|<bos>|<\|begin_of_text\|>|<\|startoftext\|>|<｜begin▁of▁sentence｜>"
    r"|<\|im_start\|>(?:assistant\b)?|<\|start_header_id\|>assistant<\|end_header_id\|>|<\|assistant\|>"
    r"|<｜Assistant｜>|<start_of_turn>(?:model\b)?|<\|start\|>assistant(?:<\|message\|>)?"
    r"|<\|START_OF_TURN_TOKEN\|><\|CHATBOT_TOKEN\|>|<\|(?:START_RESPONSE|begin_of_solution)\|>)\s*"
)
"""What a template puts before an answer."""
_CONTROL = re.compile(
    r"<\|[^\W\d][\w▁. -]{0,40}\|>|<｜[^<>|｜\n]{1,40}｜>|<(?:eos|bos|end_of_turn|start_of_turn|pad)>"
    r"|</s>|\[/?INST\]|\[/?SYSTEM_PROMPT\]|<</?SYS>>"
)
_STRUCK = re.compile(r"<s>")
_FENCE = re.compile(r"(`{3,}|~{3,})[ \t]*([\w+-]*)[ \t]*\n")
_PROSE = frozenset(("", "text", "txt", "plaintext", "plain", "markdown", "md", "json", "story", "output"))
"""Names of fences that say nothing of what is in them; code in a named language stays as it is."""
LABELS = (
    r"(?:new |the |rewritten |rephrased )?(?:questions?|q|answers?|a|story|text|title|topics?|paraphrase|"
    r"rewrite|pregunta|respuesta|frage|antwort|réponse|问题|答案|回答|質問|回答)"
)
_BOLD_LABEL = re.compile(
    rf"(?m)^(?P<before>[ \t]*)(?:#{{1,6}}[ \t]+)?(?P<mark>\*\*\*?|__)(?P<label>{LABELS})"
    r"(?:[ \t]*(?P<inside>[:：])[ \t]*(?P=mark)|(?P=mark)[ \t]*(?P<outside>[:：]))",
    re.IGNORECASE,
)
TITLE = re.compile(r"\s*(?:(\*\*|__)[^\n]{1,120}\1|#{1,6}[ \t][^\n]{1,120})[ \t]*\n[ \t]*\n\s*(?=\S)")
_ODD = re.compile(r"[<`~*_◁\[]|^\s*(?:analysis|commentary)")
"""Where none of these is, nothing is to be taken off: most answers are looked at once."""


def read(answer: Answer) -> Answer:
    """The answer as it is to be read; `raw` is how it came.

    A thought that does not end makes the answer a cut one (`length`): what it would have said never came.
    """
    raw, finish = answer.text, finish_of(answer.finish_reason)
    text, thought = raw, ""
    taken: list[Taken] = []
    if _ODD.search(text):
        text, thought, ended = _without_thoughts(text)
        if thought or text != raw:
            taken.append(Taken.THOUGHT)
        if not ended:
            finish = Finish.LENGTH
        whole = text
        text, ended_by_token = _up_to_control(whole)
        if text != whole:
            taken.append(Taken.CONTROL)
        if ended_by_token and ended and finish in (Finish.LENGTH, Finish.UNKNOWN):
            finish = Finish.STOP
        if (inner := _in_fence(text)) is not None:
            taken.append(Taken.FENCE)
            text = inner
        text, labels = _BOLD_LABEL.subn(r"\g<before>\g<label>:", text)
        if labels:
            taken.append(Taken.BOLD_LABEL)
    if text is raw and finish == answer.finish_reason:
        return answer
    return replace(
        answer,
        text=text,
        finish_reason=str(finish),
        thought=thought,
        taken=tuple(map(str, taken)),
        raw=raw,
    )


def untitled(answer: Answer) -> Answer:
    """The answer without a title line of its own in markdown, for rows that have none."""
    title = TITLE.match(answer.text)
    if title is None:
        return answer
    taken = (*answer.taken, str(Taken.TITLE))
    return replace(answer, text=answer.text[title.end() :], taken=taken, raw=answer.raw or answer.text)


def said(thought: str, content: str) -> str:
    """An answer whose thought came in a field of its own, as one text that `read` divides again."""
    return f"<think>{thought}</think>{content}" if thought.strip() else content


def _without_thoughts(text: str) -> tuple[str, str, bool]:
    """The text, its thought, and whether the thought ended."""
    if (bare := _BARE_CHANNEL.match(text)) is not None:
        return text[bare.end() :].lstrip(), bare.group().strip(), True
    if _CHANNEL.match(text):
        finals = list(_FINAL.finditer(text))
        if not finals:
            return "", text, False
        return text[finals[-1].end() :], text[: finals[-1].start()], True
    kept: list[str] = []
    thoughts: list[str] = []
    at, inside, pairs = 0, False, 0
    for tag in _TAG.finditer(text):
        piece = text[at : tag.start()]
        at = tag.end()
        if inside:
            thoughts.append(piece)
            if tag["close"]:
                inside, pairs = False, pairs + 1
        elif tag["open"]:
            kept.append(piece)
            inside = True
        elif pairs:  # a closing mark too many
            kept.append(piece)
        else:  # the opening mark is in the prompt
            thoughts += [*kept, piece]
            kept, pairs = [], 1
    if not at:
        return text, "", True
    (thoughts if inside else kept).append(text[at:])
    rest = "".join(kept)
    if (wrapped := _WRAPPED.match(rest)) is not None:
        rest = wrapped["inner"]
    return rest.lstrip(), "".join(thoughts).strip(), not inside


def _up_to_control(text: str) -> tuple[str, bool]:
    """What stands before the first control token (those that only open the answer are no end of it), and
    whether there is one."""
    start = 0
    while (opening := _OPENING.match(text[start:])) is not None and opening.end():
        start += opening.end()
    body = text[start:]
    for token in _CONTROL.finditer(body):
        if token.group() == "</s>" and _STRUCK.search(body, 0, token.start()):
            continue  # <s>struck out</s>, in HTML
        return body[: token.start()].rstrip(), True
    return body, False


def _in_fence(text: str) -> str | None:
    """What a fence around the whole text holds; None where there is none, or one that names a language."""
    whole = text.strip()
    fence = _FENCE.match(whole)
    if fence is None or fence[2].lower() not in _PROSE or not whole.endswith(fence[1]):
        return None
    inner = whole[fence.end() : -len(fence[1])].removesuffix("\n")
    return inner if fence[1] not in inner else None
