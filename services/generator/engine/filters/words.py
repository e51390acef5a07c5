"""Words as the filters see them: lower-cased runs of letters and digits (apostrophes inside kept). In scripts
that put no spaces between words each letter is a token, and so much of a word as `text.unspaced` says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from services.generator.text.unspaced import LETTER, RANGES, WORD, is_there, letters, quarters

_WORD = re.compile(r"[^\W_]++(?:['’][^\W_]++)*+")
_TOKEN = re.compile(rf"{LETTER}|[^\W_{RANGES}]++(?:['’][^\W_{RANGES}]++)*+")
_MIX = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Words:
    """`quarters` says how much of a word each token is (None: all are whole ones)."""

    tokens: list[str]
    quarters: list[int] | None = None

    @property
    def count(self) -> int:
        """How many words there are; what is left of one is one."""
        return len(self.tokens) if self.quarters is None else -(-sum(self.quarters) // WORD)

    def ends(self, size: int) -> NDArray[np.int64]:
        """Where the run of `size` words ends that begins at each token; those that begin too late have
        none."""
        if self.quarters is None:
            return np.arange(size, len(self.tokens) + 1)
        before = np.cumsum([0, *self.quarters])
        ends = np.searchsorted(before, before[:-1] + size * WORD)
        return ends[ends <= len(self.tokens)]

    def shown(self, start: int, end: int) -> str:
        """Those tokens as a text."""
        glue = [" " if q == WORD else "" for q in self.quarters or [WORD] * len(self.tokens)]
        return "".join(t + g for t, g in zip(self.tokens[start:end], glue[start:end], strict=True)).strip()


def words(text: str) -> Words:
    return _found(text.casefold())


def count_words(text: str) -> int:
    return _found(text).count


def count_between_blanks(text: str) -> int:
    """What stands between blanks, marks and all; without blanks, the words that the letters are taken for."""
    return sum(max(1, -(-sum(map(quarters, letters(piece))) // WORD)) for piece in text.split())


def _found(text: str) -> Words:
    if not is_there(text):
        return Words(_WORD.findall(text))
    tokens = _TOKEN.findall(text)
    return Words(tokens, [quarters(token) for token in tokens])


def shingle_hashes(found: Words, size: int) -> NDArray[np.uint64]:
    """64-bit hashes of the runs of `size` words; of the whole text when it is shorter than that."""
    tokens = found.tokens
    if not tokens:
        return np.zeros(1, np.uint64)
    hashes = np.fromiter((crc32(token.encode()) for token in tokens), np.uint64, len(tokens))
    ends = found.ends(size)
    if not len(ends):
        ends = np.array([len(tokens)])
    count = len(ends)
    widths = ends - np.arange(count)
    rolled = np.zeros(count, np.uint64)
    for offset in range(widths.min()):
        rolled = _mixed(rolled, hashes[offset : offset + count])
    for offset in range(widths.min(), widths.max()):
        longer = np.flatnonzero(widths > offset)
        rolled[longer] = _mixed(rolled[longer], hashes[longer + offset])
    return rolled


def _mixed(rolled: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = (rolled ^ hashes) * _MIX
    return mixed ^ (mixed >> np.uint64(29))
