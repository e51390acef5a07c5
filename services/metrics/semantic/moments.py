"""The second-moment state (n, Σx, XᵀX): mergeable, and enough for Vendi, mean cosine and Fréchet distance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import require_rows
from services.metrics.semantic.vectors import Vectors, require_finite

BLOCK = 16384
"""Rows per matrix product. Products are in the vectors' own precision, their sums over blocks in float64."""
NARROW_BLOCK = 4096


@dataclass(frozen=True)
class Moments:
    """`count` rows, their sum `total` (d) and `second` = XᵀX (d × d), both float64.

    States of shards add up (`a + b`) to the state of all rows, exact but for the rounding of float64 sums.
    """

    count: int
    total: NDArray[np.float64]
    second: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: Vectors) -> Moments:
        """The state of n × d vectors, in one pass. Raises Unmeasurable (`nan_embeddings`)."""
        return cls(len(vectors), sum_of_rows(vectors), second_moment(vectors))

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.total + other.total, self.second + other.second)

    def __sub__(self, part: Moments) -> Moments:
        """The state without some of its rows."""
        return Moments(self.count - part.count, self.total - part.total, self.second - part.second)

    @property
    def mean(self) -> NDArray[np.float64]:
        """Σx/n, shape d."""
        require_rows(self.count, 1, "The mean embedding")
        return self.total / self.count

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Unbiased covariance (XᵀX − n μμᵀ)/(n − 1), shape d × d."""
        require_rows(self.count, 2, "The covariance of embeddings")
        return (self.second - np.outer(self.total, self.mean)) / (self.count - 1)


def second_moment(vectors: Vectors, *, exact: bool = False) -> NDArray[np.float64]:
    """XᵀX in float64, by matrix products over blocks, of float64 too where `exact`. Raises Unmeasurable
    (`nan_embeddings`)."""
    second = np.zeros((vectors.shape[1], vectors.shape[1]))
    for start in range(0, max(len(vectors), 1), BLOCK):
        block = vectors[start : start + BLOCK]
        block = block.astype(np.float64, copy=False) if exact else block
        second += block.T @ block
    require_finite(vectors, np.diagonal(second))
    return second


def sum_of_rows(vectors: Vectors) -> NDArray[np.float64]:
    """Σx in float64, by matrix–vector products over blocks. Raises Unmeasurable (`nan_embeddings`)."""
    total = np.zeros(vectors.shape[1])
    ones = np.ones(min(NARROW_BLOCK, len(vectors)), dtype=vectors.dtype)
    for start in range(0, len(vectors), NARROW_BLOCK):
        block = vectors[start : start + NARROW_BLOCK]
        total += ones[: len(block)] @ block
    require_finite(vectors, total)
    return total
