"""Shift of text lengths: divergence over fixed bins, and how many tokens the lengths would have to move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wasserstein_distance

from services.metrics.problems import require_rows
from services.metrics.shift.divergence import SMOOTHING, Divergence, divergence
from services.metrics.shift.sides import Labels

CELLS = 2**21
"""Cells of rows × columns in memory at a time."""
BINNING = "bins of one length up to 8, then 8 bins for each doubling"


@dataclass(frozen=True)
class LengthShift:
    """`wasserstein` is in tokens: the mean distance lengths must move to turn one distribution into the
    other."""

    divergence: Divergence
    wasserstein: float
    binning: str = BINNING


def length_shift(
    real: Sequence[int] | NDArray[np.int64],
    generated: Sequence[int] | NDArray[np.int64],
    *,
    smoothing: float = SMOOTHING,
) -> LengthShift:
    """Shift from the real to the generated texts' lengths (whole numbers ≥ 0, in any one unit).

    The bins do not depend on the data: histograms of shards add up, and figures of different datasets
    compare.
    """
    require_rows(len(real), 1, "The length shift from a reference")
    require_rows(len(generated), 1, "The length shift")
    return LengthShift(
        divergence=divergence(length_histogram(real), length_histogram(generated), smoothing=smoothing),
        wasserstein=float(wasserstein_distance(real, generated)),
    )


def wasserstein(lengths: NDArray[np.int64], real: Labels, generated: Labels) -> NDArray[np.float64]:
    """The mean distance that lengths must move between the rows that each column of the first labels holds
    and those of the second: ∫ |F − G|. `lengths` (rows,), labels (rows, columns)."""
    order = np.argsort(lengths, kind="stable")
    gaps = np.diff(lengths[order]).astype(np.float64)
    width = max(1, CELLS // max(1, len(lengths)))
    found = []
    for start in range(0, real.shape[1], width):
        first, second = (
            np.cumsum(side[order, start : start + width], axis=0)[:-1]
            / np.maximum(side[:, start : start + width].sum(axis=0), 1)
            for side in (real, generated)
        )
        found.append(gaps @ np.abs(first - second))
    return np.concatenate(found) if found else np.zeros(0)


def length_histogram(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts of lengths in the fixed bins: a mergeable state, adding two is exact."""
    return np.bincount(length_bins(lengths), minlength=len(length_edges()))


def length_bins(lengths: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """The bin of each length."""
    return np.searchsorted(length_edges(), np.asarray(lengths, np.int64), side="right") - 1


@cache
def length_edges() -> NDArray[np.int64]:
    """Lower edges of the bins: 0, 1, …, 8, then each the eighth root of 2 above the last; the last is
    open."""
    edges = list(range(9))
    while edges[-1] < 2**31:
        edges.append(max(edges[-1] + 1, round(8 * 2 ** ((len(edges) - 8) / 8))))
    return np.asarray(edges, np.int64)
