"""The nearest of many rows, a chunk of them at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.semantic.vectors import Vectors


@dataclass(frozen=True)
class Nearest:
    """Of each of q queries the k nearest rows, nearest first: places and cosine similarities, both q × k."""

    places: NDArray[np.int64]
    similarities: NDArray[np.float32]


def nearest(queries: Vectors, chunks: Iterable[Vectors], k: int) -> Nearest:
    """The k nearest of all the chunks' rows by inner product of unit rows; fewer where there are fewer.

    Of equally near rows the first ones count. Memory: q × (k + one chunk).
    """
    best = Nearest(np.zeros((len(queries), 0), np.int64), np.zeros((len(queries), 0), np.float32))
    start = 0
    for chunk in chunks:
        places = np.arange(start, start + len(chunk), dtype=np.int64)
        start += len(chunk)
        both = np.concatenate([best.similarities, queries @ chunk.T], axis=1, dtype=np.float32)
        where = np.concatenate([best.places, np.tile(places, (len(queries), 1))], axis=1)
        order = np.argsort(-both, axis=1, kind="stable")[:, :k]
        best = Nearest(np.take_along_axis(where, order, 1), np.take_along_axis(both, order, 1))
    return best
