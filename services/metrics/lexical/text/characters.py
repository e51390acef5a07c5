r"""The characters of `shared/text/words.py` and `shared/text/normal.py`, in a table that a kernel can read.

`words()[c]` says what code point c is in a text: 0 where a token ends, INVISIBLE where nothing stands, else
its lower case, with MARK where it only continues a token, and HAN_OR_KANA or SOUTH_EAST_ASIAN where it is a
letter of a script without blanks, and a token by itself. What is not a matter of one code point is left to
Python: `UNSETTLED` code points (those that NFC may change, by themselves or with a neighbour, and İ and Σ,
whose lower case is two characters or depends on the neighbours) send their text through `normal.comparable`
first.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

import numpy as np
from numpy.typing import NDArray

from shared.text import characters, unspaced
from shared.text.normal import CURLY, comparable

POINT = np.uint32(0x1FFFFF)
"""The bits of an entry that hold the code point."""
MARK = np.uint32(1 << 24)
HAN_OR_KANA = np.uint32(1 << 25)
SOUTH_EAST_ASIAN = np.uint32(1 << 26)
LETTER_ALONE = np.uint32(HAN_OR_KANA | SOUTH_EAST_ASIAN)
INVISIBLE = np.uint32(1 << 27)
UNSETTLED = np.uint32(1 << 28)
_PARTS_OF_HANGUL = range(0x1100, 0x1200)
_LETTERS = 0x40000
"""Behind these code points are no letters, and no marks that do not vary only how others look."""


@cache
def every_character() -> str:
    return "".join(map(chr, range(sys.maxunicode + 1)))


@cache
def words() -> NDArray[np.uint32]:
    """What each code point is to `tokens`; see the module. Shape (0x110000,)."""
    every = every_character()
    lowered = _one_by_one(every)
    table = _code_points(lowered)
    word, mark = _matches(r"\w", lowered), _matches(f"[{characters.MARKS}]", lowered)
    table[~word & ~mark] = 0
    table[mark] |= MARK
    table[word & _matches(f"[{unspaced.HAN_AND_KANA}]", lowered)] |= HAN_OR_KANA
    table[word & _matches(f"[{unspaced.SOUTH_EAST_ASIAN}]", lowered)] |= SOUTH_EAST_ASIAN
    table[_matches("_", lowered)] &= ~LETTER_ALONE
    table[_matches(f"[{characters.INVISIBLE}]", every)] = INVISIBLE
    table[_unsettled(every)] |= UNSETTLED
    return table


@cache
def spaces() -> NDArray[np.bool_]:
    """Which code points `str.split()` splits at. Shape (0x110000,)."""
    return np.array([character.isspace() for character in every_character()])


def _one_by_one(every: str) -> str:
    """The comparable form of each character, as far as it is one character and does not depend on others."""
    for character in CURLY:
        every = every.replace(character, comparable(character))
    return every.replace("İ", "i").lower()


def _unsettled(every: str) -> NDArray[np.bool_]:
    """Code points that say how a text is compared only together with others."""
    second = _second_in_compositions(every)
    found = np.zeros(len(every), np.bool_)
    found[:_LETTERS] = [
        code in _PARTS_OF_HANGUL
        or character in "İΣ"
        or character in second
        or unicodedata.combining(character) != 0
        or not unicodedata.is_normalized("NFC", character)
        for code, character in enumerate(every[:_LETTERS])
    ]
    return found


def _second_in_compositions(every: str) -> frozenset[str]:
    """Characters that NFC can join with the one before them."""
    parts = (unicodedata.decomposition(character).split() for character in every[:_LETTERS])
    return frozenset(
        chr(int(pair[1], 16)) for pair in parts if len(pair) == 2 and not pair[0].startswith("<")
    )


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).copy()


def _matches(pattern: str, text: str) -> NDArray[np.bool_]:
    found = np.zeros(len(text), np.bool_)
    for match in re.finditer(f"(?:{pattern})+", text):
        found[match.start() : match.end()] = True
    return found
