"""When two spellings are the same text."""

from __future__ import annotations

import re
from unicodedata import normalize

from shared.text.characters import INVISIBLE

APOSTROPHE = "'"
_APOSTROPHES = "\u2018\u2019\u201b\u02bc\uff07"
_QUOTATION_MARKS = "\u201c\u201d\u201e\u201f\uff02"
CURLY = _APOSTROPHES + _QUOTATION_MARKS
"""Apostrophes and quotation marks that are compared as the straight ones of a keyboard."""
_INVISIBLE = re.compile(f"[{INVISIBLE}]+")


def normal(text: str) -> str:
    """The text in Unicode's normal form C: what is the same text to a reader is the same string."""
    return text if text.isascii() else normalize("NFC", text)


def comparable(text: str) -> str:
    """The text as it is compared: NFC, lower-cased, without invisible characters, curly apostrophes and
    quotation marks straight. Never for showing."""
    if text.isascii():
        return text.lower()
    # Lower-casing can part what NFC then joins: J and a caron have no one character, j and a caron have.
    lowered = normalize("NFC", normalize("NFC", _INVISIBLE.sub("", text)).lower())
    for curly in CURLY:
        if curly in lowered:
            lowered = lowered.replace(curly, APOSTROPHE if curly in _APOSTROPHES else '"')
    return lowered
