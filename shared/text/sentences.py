"""Where sentences end.

At `. ! ? …` with blanks behind and no small letter after them (but in a text that has no other letters); at
the marks that end a sentence by themselves (Chinese, Japanese, Hindi, Urdu, Armenian, Amharic, Khmer,
Burmese); not behind a title or an initial ("Dr.", "J."), and not within quotation marks: what somebody says
is part of the sentence that says so. Thai and Lao mark no ends.
"""

from __future__ import annotations

import re
from itertools import pairwise

from shared.text.unspaced import UNSPACED

STOPS = "。！？｡।॥۔؟։።፧។៕။"
"""Marks that end a sentence with or without blanks behind."""
_CLOSING = "\"'”’»)\\]"
_CLOSING_UNSPACED = "」』”’）》\"'"
TERMINAL = f".!?…\"'”’»){STOPS}{_CLOSING_UNSPACED}"
"""What the last sentence of a whole text ends with."""
_END = re.compile(
    rf"""(?<=[.!?…])[{_CLOSING}]?\s+
    |(?<=[!?])(?=[{UNSPACED}])
    |(?<=[{STOPS}])[{_CLOSING_UNSPACED}]*+(?![と，、；：,{STOPS}])\s*+""",
    re.VERBOSE,
)
_OPENING = re.compile(r"[^\w\s]{0,8}(.?)", re.DOTALL)
"""Quotation marks, brackets and dashes that may stand before a sentence, and its first letter."""
_ABBREVIATION = re.compile(
    "Mr|Mrs|Ms|Mx|Dr|Prof|Rev|Fr|Sr|Jr|St|Mt|Ft|Hon|Capt|Col|Gen|Lt|Maj|Sgt|Cpl|Adm|Gov|Sen|Rep|Pres|Mme|Mlle"
    r"|Fig|Figs|Vol|Eq|Sec|pp|vs|etc|cf|viz|e\.g|i\.e|[A-HJ-Z]|(?:[A-Z]\.)+[A-Z]"
)
"""Titles, and initials; “I” alone is none: "It was I." ends."""
_LONGEST_ABBREVIATION = 24
_QUOTATION_MARKS = (("“", "”"), ("「", "」"), ("『", "』"))


def sentences(text: str) -> list[str]:
    """The sentences of a text, without the blanks around them."""
    pieces = (text[start:end].strip() for start, end in pairwise([*sentence_starts(text), len(text)]))
    return [piece for piece in pieces if piece]


def sentence_starts(text: str) -> list[int]:
    """Where the sentences of a text begin; the first at 0. In time proportional to the text's length."""
    starts, open_from = _starts(text, 0, _Quotation(text))
    if open_from is not None:  # a quotation that is never closed was none: an inch, a lost mark
        starts += _starts(text, open_from, None)[0][1:]
    return starts


def _starts(text: str, begin: int, quotation: _Quotation | None) -> tuple[list[int], int | None]:
    """The starts of sentences from `begin` on, and where the last one began if a quotation is open at the
    end."""
    starts, small = [begin], text.islower()
    for end in _END.finditer(text, begin):
        at = end.end()
        if at == len(text) or (quotation and quotation.is_open(at)):
            continue
        if not _begins_sentence(text, end.start(), at, small=small):
            continue
        starts.append(at)
        if quotation:
            quotation.begin(at)
    return starts, starts[-1] if quotation and quotation.is_open(len(text)) else None


def _begins_sentence(text: str, stop: int, begin: int, *, small: bool) -> bool:
    """Whether what follows an end is a new sentence: it begins with no small letter (unless those are all
    that the text has), and what stands before is no abbreviation."""
    first = text[begin]
    if not first.isalnum():
        opening = _OPENING.match(text, begin)
        first = opening[1] if opening is not None else ""
    if first.islower() and not small:
        return False
    if text[stop - 1] != ".":
        return True
    before = text[max(0, stop - _LONGEST_ABBREVIATION) : stop - 1].split()
    last = before[-1].lstrip("(\"'“‘") if before else ""
    if last in ("No", "Nos"):  # of numbers; else it is an answer
        return not first.isdigit()
    return _ABBREVIATION.fullmatch(last) is None


class _Quotation:
    """The quotation marks of a sentence, as far as it is read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pairs = [pair for pair in _QUOTATION_MARKS if pair[0] in text]
        self._any = bool(self._pairs) or '"' in text
        self.begin(0)

    def begin(self, place: int) -> None:
        self._read = place
        self._straight = 0
        self._depths = [0] * len(self._pairs)

    def is_open(self, end: int) -> bool:
        """Whether one that the sentence opens is open at `end`, which never goes back."""
        if not self._any:
            return False
        text, begin = self._text, self._read
        self._straight += text.count('"', begin, end)
        for place, (opening, closing) in enumerate(self._pairs):
            self._depths[place] += text.count(opening, begin, end) - text.count(closing, begin, end)
        self._read = end
        return self._straight % 2 == 1 or any(depth > 0 for depth in self._depths)
