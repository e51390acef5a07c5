"""Classes of characters that Python's regular expressions have no names for, as ranges of a character
class."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

_PLANES_WITH_CHARACTERS = (range(0x40000), range(0xE0000, 0xE0200))
_ZERO_WIDTH_SPACE = 0x200B
_COMBINING_GRAPHEME_JOINER = 0x34F
_VARIATION_SELECTORS = (
    range(0x180B, 0x180E),
    range(0x180F, 0x1810),
    range(0xFE00, 0xFE10),
    range(0xE0100, 0xE01F0),
)


def is_invisible(code: int) -> bool:
    """Whether a code point shows nothing of its own and says nothing of where a word ends: joiners, soft
    hyphens, marks of direction, variation selectors. The zero-width space is none of them: it parts words."""
    if code == _COMBINING_GRAPHEME_JOINER or any(code in selectors for selectors in _VARIATION_SELECTORS):
        return True
    return code != _ZERO_WIDTH_SPACE and unicodedata.category(chr(code)) == "Cf"


def is_mark(code: int) -> bool:
    r"""Whether a code point is a mark (`\p{M}`): accents, vowel signs and tones, which stand on a letter."""
    return unicodedata.category(chr(code)).startswith("M") and not is_invisible(code)


def _ranges(belongs: Callable[[int], bool]) -> str:
    found: list[list[int]] = []
    for codes in _PLANES_WITH_CHARACTERS:
        for code in codes:
            if not belongs(code):
                continue
            if found and found[-1][1] == code - 1:
                found[-1][1] = code
            else:
                found.append([code, code])
    return "".join(chr(low) if low == high else f"{chr(low)}-{chr(high)}" for low, high in found)


INVISIBLE = _ranges(is_invisible)
MARKS = _ranges(is_mark)
