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
MeasureOfTwo = Callable[[NDArray[np.int64], NDArray[np.int64]], float]
"""Takes the row numbers to keep of the real and of the generated side."""


def jackknife_interval(
    measure: Measure, count: int, *, groups: int = GROUPS, level: float = 0.95, seed: int
) -> Interval:
    """The interval of `measure(all rows)` from leaving out one of `groups` seeded groups of rows at a time.

        se² = (g − 1)/g Σ (θ₍ᵢ₎ − θ̄)²        (Shao and Wu 1989, delete-d jackknife of disjoint groups)

    `measure` takes the row numbers to keep. It must be smooth in the rows (Fréchet distance, MMD, KL over a
    fixed codebook); for counts of distinct things use the lexical module's own intervals.
    """
    require_rows(count, 2, "A jackknife interval")
    groups = min(groups, count)
    error = _error(measure, count, groups, seed)
    return _interval(measure(np.arange(count)), error, groups, level, seed)


def two_sided_interval(
    measure: MeasureOfTwo, real: int, generated: int, *, groups: int = GROUPS, level: float = 0.95, seed: int
) -> Interval:
    """The interval of a measure of two independent samples, of `real` and `generated` rows.

    Each side's groups are left out in turn while the other side stays whole; the two variances add up.
    """
    require_rows(min(real, generated), 2, "A jackknife interval")
    whole_real, whole_generated = np.arange(real), np.arange(generated)
    errors = (
        _error(lambda rows: measure(rows, whole_generated), real, min(groups, real), seed),
        _error(lambda rows: measure(whole_real, rows), generated, min(groups, generated), seed),
    )
    fewest = min(groups, real, generated)
    return _interval(measure(whole_real, whole_generated), float(np.hypot(*errors)), fewest, level, seed)


def _error(measure: Measure, count: int, groups: int, seed: int) -> float:
    order = np.random.default_rng(seed).permutation(count)
    left = [measure(np.sort(np.delete(order, np.arange(start, count, groups)))) for start in range(groups)]
    without = np.asarray(left)
    return float(np.sqrt((groups - 1) / groups * np.square(without - without.mean()).sum()))


def _interval(value: float, error: float, groups: int, level: float, seed: int) -> Interval:
    normal_quantile(level)
    half = float(student.ppf(0.5 + level / 2, groups - 1)) * error
    return Interval(value - half, value + half, level, "jackknife", error, replicates=groups, seed=seed)
