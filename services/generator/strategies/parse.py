"""From what a model wrote to the columns of a row. What lacks the form asked for is refused, never mended."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping

from shared.text.sentences import TERMINAL, sentence_starts, sentences

_PAIR = re.compile(r"(?:question|q) ?:(?P<question>.+?)\n(?:answer|a) ?:(?P<answer>.+)", re.I | re.S)
_BULLET = re.compile(r"^(?:[-–•·]\s*|\*\s+|\d+(?:[.)]\s+|[、．]\s*))")
_QUOTED = re.compile(r"^(?:\*{1,2}|[\"“‘'])(.*?)(?:\*{1,2}|[\"”’'])$")
_LABEL = re.compile(r"^(?:story|text|title)\s*:\s*", re.I)


class Unparsable(ValueError):
    """The text does not have the form that was asked for; the message says how."""


def text_row(text: str) -> dict[str, str]:
    """Kind `text`. Raises `Unparsable` for an empty answer."""
    whole = _LABEL.sub("", text.strip())
    if not whole:
        raise Unparsable("the answer is empty")
    return {"text": whole}


def completion_row(text: str, count: int, last: int = 1) -> dict[str, str]:
    """Kind `completion`: a text of exactly `count` sentences, of which the `last` are the completion."""
    whole = " ".join(_LABEL.sub("", text.strip()).split())
    starts = sentence_starts(whole) if whole else []
    if len(starts) != count:
        raise Unparsable(f"{len(starts)} sentences where {count} were asked for")
    if whole[-1] not in TERMINAL:
        raise Unparsable("the last sentence does not end")
    return {"context": whole[: starts[-last]].rstrip(), "completion": whole[starts[-last] :]}


def usual_shape(rows: Iterable[Mapping[str, str]]) -> tuple[int, int]:
    """How many sentences most of the `completion` rows have, and how many of them are the completion; of
    those that have two at least, as a row must. Ties go to the shorter."""
    shapes = Counter(
        (len(sentences(row["context"])) + last, last)
        for row in rows
        if (last := len(sentences(row["completion"])))
    )
    return max(((n, k) for n, k in shapes if n > k), key=lambda s: (shapes[s], -s[0], -s[1]), default=(2, 1))


def pair_row(text: str, context_id: str) -> dict[str, str]:
    """Kind `qa`: `Question: …` and `Answer: …`, each once.

    Blanks are made single first: a weak model may write nothing but them up to its limit, and a pattern that
    has a choice in how to divide them takes hours over it.
    """
    lines = (" ".join(line.split()) for line in text.splitlines())
    found = _PAIR.fullmatch("\n".join(line for line in lines if line))
    if not found:
        raise Unparsable("no “Question: …” followed by “Answer: …”")
    question, answer = (" ".join(found[name].split()) for name in ("question", "answer"))
    if not question or not answer:
        raise Unparsable("the question or the answer is empty")
    if re.search(r"(?:^|\s)question\s*:", answer, re.I):
        raise Unparsable("more than one question")
    return {"context_id": context_id, "question": question, "answer": answer}


def question_only(text: str) -> str:
    """One question in one line; what follows it (an answer nobody asked for) is dropped with its line."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    question = re.sub(r"^(?:question|q)\s*:\s*", "", lines[0], flags=re.I).strip('"“” ') if lines else ""
    if not question:
        raise Unparsable("no question")
    return question


def list_items(text: str, *, continued: bool = False) -> list[str]:
    """The lines of a list, without bullets, numbers and quotation marks around the whole; blank ones are
    dropped, and what is said around the list ("Here are 20 topics:"): lines that end with a colon, and in a
    list with bullets those without. `continued`: the first line's bullet is in the prompt."""
    lines = [line for line in map(str.strip, text.splitlines()) if line and not line.endswith((":", "："))]
    listed = [line for place, line in enumerate(lines) if _BULLET.match(line) or (continued and place == 0)]
    if any(map(_BULLET.match, lines)):
        lines = listed
    items = (_QUOTED.sub(r"\1", _BULLET.sub("", line, count=1).strip()) for line in lines)
    return [item for item in items if item]
