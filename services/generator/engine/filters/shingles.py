"""Hashes of shingles, by numpy: those of `shared/text/shingles.py`, to which a property test holds them."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from shared.text.shingles import Tokenised

_MIX = np.uint64(0x9E3779B97F4A7C15)


def shingle_hashes(text: Tokenised, size: int) -> NDArray[np.uint64]:
    """64-bit hashes of the runs of `size` words, in order; of the whole text when it is shorter than that,
    and one 0 for a text without words."""
    if not text.tokens:
        return np.zeros(1, np.uint64)
    hashes = np.fromiter((crc32(token.encode()) for token in text.tokens), np.uint64, len(text.tokens))
    bounds = np.array(text.runs_or_whole(size))
    starts, widths = bounds[:, 0], bounds[:, 1] - bounds[:, 0]
    rolled = np.zeros(len(starts), np.uint64)
    for offset in range(widths.min()):
        rolled = _mixed(rolled, hashes[starts + offset])
    for offset in range(widths.min(), widths.max()):
        longer = np.flatnonzero(widths > offset)
        rolled[longer] = _mixed(rolled[longer], hashes[starts[longer] + offset])
    return rolled


def _mixed(rolled: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = (rolled ^ hashes) * _MIX
    return mixed ^ (mixed >> np.uint64(29))
