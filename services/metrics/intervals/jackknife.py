"""Grouped jackknife: an interval for a smooth measure that has no formula of its own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, normal_quantile
from services.metrics.problems import require_rows

GROUPS = 20
Measure = Callable[[NDArray[np.int64]], float]


def jackknife_interval(
    measure: Measure, count: int, *, groups: int = GROUPS, level: float = 0.95, seed: int
) -> Interval:
    """The interval of `measure(all rows)` from leaving out one of `groups` seeded groups of rows at a time.

        se² = (g − 1)/g Σ (θ₍ᵢ₎ − θ̄)²        (Shao and Wu 1989, delete-d jackknife of disjoint groups)

    `measure` takes the row numbers to keep. It must be smooth in the rows (Fréchet distance, MMD, KL over a
    fixed codebook); for counts of distinct things use the lexical module's own intervals.
    """
    require_rows(count, 2, "A jackknife interval")
    normal_quantile(level)
    groups = min(groups, count)
    order = np.random.default_rng(seed).permutation(count)
    left = [measure(np.sort(np.delete(order, np.arange(start, count, groups)))) for start in range(groups)]
    without = np.asarray(left)
    error = float(np.sqrt((groups - 1) / groups * np.square(without - without.mean()).sum()))
    value = measure(np.arange(count))
    half = float(student.ppf(0.5 + level / 2, groups - 1)) * error
    return Interval(value - half, value + half, level, "jackknife", error, replicates=groups, seed=seed)
