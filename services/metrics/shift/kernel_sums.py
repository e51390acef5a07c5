"""Sums of a Gaussian kernel over all pairs of rows, a block at a time: the n × n kernel is never whole.

    S = K L,   K_ij = exp(−‖a_i − a_j‖² / (2σ²)) for i ≠ j, and 0 on the diagonal

for n × c columns L. Every MMD is made of such sums: of 0/1 labels each relabelling is one column.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from services.metrics.semantic.neighbours import Points

Floats = NDArray[np.float64]
BLOCK = 1024
"""Rows and columns of the kernel that are held at a time: 8 MB."""


def kernel_sums(points: Points, sigma: float, columns: Floats) -> Floats:
    """S, (n, c), in float64. K is symmetric: each block serves its rows and its columns."""
    sums = np.zeros(columns.shape)
    for rows, others, block in _blocks(points, sigma):
        sums[rows] += block @ columns[others]
        if rows != others:
            sums[others] += block.T @ columns[rows]
    return sums


def _blocks(points: Points, sigma: float) -> Iterator[tuple[slice, slice, Floats]]:
    """The blocks of K on and above its diagonal."""
    starts = range(0, len(points), BLOCK)
    for start in starts:
        rows = slice(start, start + BLOCK)
        for other in starts[start // BLOCK :]:
            others = slice(other, other + BLOCK)
            block = points.squared_between(rows, others)
            block *= -1 / (2 * sigma**2)
            np.exp(block, out=block)
            if rows == others:
                np.fill_diagonal(block, 0)
            yield rows, others, block
