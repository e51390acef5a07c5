"""Intervals of measures that neither a jackknife nor a bootstrap is right for, such as those of nearest
neighbours: from how much two halves of the data differ.

Leaving out rows in turn counts what pairs, triples … of rows do together twice, three times …: of coverage it
makes the variance three to four times too large; and copies of rows, as a bootstrap draws them, are each
other's nearest. Two disjoint halves are independent, so that half the squared difference of their values
is the variance at half the size, without any of that; at the whole size it is about half as large
(subsampling, Politis, Romano and Wolf 1999, with the rate of a mean). Random splits are averaged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, normal_quantile
from services.metrics.intervals.shares import binomial_limits
from services.metrics.problems import require_rows

Floats = NDArray[np.float64]


def half_sample_interval(value: float, halves: Floats, *, level: float = 0.95, seed: int) -> Interval:
    """value ± t·√(mean over splits of (a − b)²/4), with `halves` (splits, 2) the values a and b."""
    error = half_sample_error(halves)
    normal_quantile(level)
    half = float(student.isf((1 - level) / 2, max(1, len(halves) - 1))) * error
    return Interval(
        value - half, value + half, level, "half_samples", error, replicates=2 * len(halves), seed=seed
    )


def half_sample_share(share: float, halves: Floats, rows: int, *, level: float = 0.95, seed: int) -> Interval:
    """The interval of a share of `rows` rows that bear on each other: the exact binomial one for as many
    independent rows as have that variance (Korn and Graubard 1998), and no more than there are."""
    error = max(half_sample_error(halves), float(np.sqrt(share * (1 - share) / rows)))
    effective = share * (1 - share) / error**2 if error > 0 else rows
    low, high = binomial_limits(share * effective, effective, level)
    return Interval(
        float(low), float(high), level, "half_samples", error, replicates=2 * len(halves), seed=seed
    )


def half_sample_error(halves: Floats) -> float:
    """The standard error at the whole size."""
    require_rows(len(halves), 1, "An interval from halves")
    return float(np.sqrt(np.square(halves[:, 0] - halves[:, 1]).mean() / 4))
