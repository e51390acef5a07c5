"""Unicode as Python sees it, in tables a kernel can read.

`fold[c]` says what code point c becomes: its lower case when that is a word character (`\\w`), else 0.
Two code points are not table look-ups: İ (U+0130), which lower-cases to two characters, and Σ (U+03A3),
whose lower case depends on its neighbours; texts that hold a Σ are lower-cased by Python first.
"""

from __future__ import annotations

import re
import sys
from functools import cache

import numpy as np
from numpy.typing import NDArray

DOTTED_CAPITAL_I = 0x130
CAPITAL_SIGMA = 0x3A3


@cache
def every_character() -> str:
    return "".join(map(chr, range(sys.maxunicode + 1)))


@cache
def lowered_words() -> NDArray[np.uint32]:
    """For each code point, its lower case if that is a word character and 0 otherwise. Shape (0x110000,)."""
    lowered = every_character().replace(chr(DOTTED_CAPITAL_I), "i").lower()
    table = _code_points(lowered)
    table[~_matches(r"\w+", lowered)] = 0
    return table


@cache
def spaces() -> NDArray[np.bool_]:
    """Which code points `str.split()` splits at. Shape (0x110000,)."""
    return np.array([character.isspace() for character in every_character()])


def _code_points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).copy()


def _matches(pattern: str, text: str) -> NDArray[np.bool_]:
    edges = np.zeros(len(text) + 1, np.int8)
    for match in re.finditer(pattern, text):
        edges[match.start()] += 1
        edges[match.end()] -= 1
    return np.cumsum(edges[:-1], dtype=np.int8).astype(np.bool_)
