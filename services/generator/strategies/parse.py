"""From what a model wrote to the columns of a row. What lacks the form asked for is refused, never mended."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.text.sentences import TERMINAL, sentence_starts, sentences

LOW_QUANTILE, HIGH_QUANTILE = 0.01, 0.99
"""Of what real rows show: outside of them a row is unlike them."""
_PAIR = re.compile(r"(?:question|q) ?:(?P<question>.+?)\n(?:answer|a) ?:(?P<answer>.+)", re.I | re.S)
_BULLET = re.compile(r"^(?:[-–•·]\s*|\*\s+|\d+(?:[.)]\s+|[、．]\s*))")
_MARK = re.compile(r"</?[a-z]+>")
"""A line that is a mark of the prompt's, such as that of an example."""
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


@dataclass(frozen=True)
class Shape:
    """Sentences of `completion` rows: as many as are `usual`, from `fewest` to `most`, of which the `last`
    are the completion."""

    usual: int
    fewest: int
    most: int
    last: int = 1

    @classmethod
    def exactly(cls, count: int, last: int = 1) -> Shape:
        return cls(count, count, count, last)

    @property
    def exact(self) -> bool:
        return self.fewest == self.most


def completion_row(text: str, shape: Shape) -> dict[str, str]:
    """Kind `completion`: a text of as many sentences as the shape allows, divided as it says."""
    whole = " ".join(_LABEL.sub("", text.strip()).split())
    starts = sentence_starts(whole) if whole else []
    if not shape.fewest <= len(starts) <= shape.most:
        allowed = f"{shape.fewest}" if shape.exact else f"{shape.fewest} to {shape.most}"
        raise Unparsable(f"{len(starts)} sentences where {allowed} make a row")
    if whole[-1] not in TERMINAL:
        raise Unparsable("the last sentence does not end")
    border = starts[-shape.last]
    return {"context": whole[:border].rstrip(), "completion": whole[border:]}


def usual_shape(rows: Iterable[Mapping[str, str]], slack: float = 0.0) -> Shape:
    """The shape of real `completion` rows, of those that have two sentences at least, as a row must: the
    count and the division that most of them have (ties go to the shorter), and from the 1 % quantile of their
    counts to the 99 % quantile, widened by `slack` as lengths are."""
    shapes = Counter(
        (len(sentences(row["context"])) + last, last)
        for row in rows
        if (last := len(sentences(row["completion"])))
    )
    whole = {shape: times for shape, times in shapes.items() if shape[0] > shape[1]}
    if not whole:
        return Shape.exactly(2)
    usual, last = max(whole, key=lambda shape: (whole[shape], -shape[0], -shape[1]))
    counts = sorted(count for (count, _), times in whole.items() for _ in range(times))
    low, high = (counts[round(share * (len(counts) - 1))] for share in (LOW_QUANTILE, HIGH_QUANTILE))
    fewest = max(last + 1, math.floor(low * (1 - min(slack, 1))))
    return Shape(usual, min(fewest, usual), math.ceil(high * (1 + slack)), last)


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
    lines = [line for line in lines if not _MARK.fullmatch(line)]
    listed = [line for place, line in enumerate(lines) if _BULLET.match(line) or (continued and place == 0)]
    if any(map(_BULLET.match, lines)):
        lines = listed
    items = (_QUOTED.sub(r"\1", _BULLET.sub("", line, count=1).strip()) for line in lines)
    return [item for item in items if item]
