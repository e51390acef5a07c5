"""Words as the filters see them: lower-cased runs of letters and digits (apostrophes inside kept)."""

from __future__ import annotations

import re
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"[^\W_]++(?:['’][^\W_]++)*+")
_MIX = np.uint64(0x9E3779B97F4A7C15)


def words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def count_words(text: str) -> int:
    return len(_WORD.findall(text))


def shingle_hashes(tokens: list[str], size: int) -> NDArray[np.uint64]:
    """64-bit hashes of the runs of `size` tokens; of the whole text when it is shorter than that."""
    hashes = np.fromiter((crc32(token.encode()) for token in tokens), np.uint64, len(tokens))
    width = min(size, len(tokens))
    if width == 0:
        return np.zeros(1, np.uint64)
    count = len(tokens) - width + 1
    rolled = np.zeros(count, np.uint64)
    for offset in range(width):
        rolled = (rolled ^ hashes[offset : offset + count]) * _MIX
        rolled ^= rolled >> np.uint64(29)
    return rolled
