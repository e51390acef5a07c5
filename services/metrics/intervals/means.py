"""Confidence intervals of means over rows: text lengths, losses, scores of runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, normal_quantile
from services.metrics.problems import require_rows

REPLICATES = 2000
MANY = 20_000
"""From this many rows the mean is normal enough for Student's t, which the bootstrap would only repeat."""
FEW_FOR_A_BOOTSTRAP = 30
"""Below, BCa covers too little: .67, .84 and .92 of 3, 5 and 10 values."""
FEW = 2000
"""Up to this many rows the bootstrap is corrected for skew (BCa), which takes rows × rows operations."""


def mean_interval(
    values: Sequence[float] | NDArray[np.float64],
    *,
    level: float = 0.95,
    replicates: int = REPLICATES,
    seed: int,
) -> Interval:
    """The interval of the mean of independent values, at least 2: Student's t below 30, of which a bootstrap
    knows too little, BCa bootstrap for up to 2,000, the percentile bootstrap above, Student's t again from
    20,000 on.

    The bootstrap is right for a mean. It is wrong for counts of distinct things, which resampling can only
    lower.
    """
    data = np.asarray(values, dtype=np.float64)
    require_rows(len(data), 2, "The interval of a mean")
    if not FEW_FOR_A_BOOTSTRAP <= len(data) < MANY:
        return student_interval(data, level=level)
    normal_quantile(level)
    error = float(data.std(ddof=1) / np.sqrt(len(data)))
    low = high = float(data.mean())
    if np.ptp(data) > 0:
        found = bootstrap(
            (data,),
            np.mean,
            n_resamples=replicates,
            batch=max(1, 2**22 // len(data)),
            confidence_level=level,
            method="BCa" if len(data) <= FEW else "percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        low, high = float(found.low), float(found.high)
    return Interval(low, high, level, "bootstrap", error, replicates=replicates, seed=seed)


def student_interval(values: Sequence[float] | NDArray[np.float64], *, level: float = 0.95) -> Interval:
    """mean ± t·s/√n: for few values, such as seeds of one experiment. Needs 2."""
    data = np.asarray(values, dtype=np.float64)
    require_rows(len(data), 2, "The interval of a mean")
    normal_quantile(level)
    error = float(data.std(ddof=1) / np.sqrt(len(data)))
    half = float(student.isf((1 - level) / 2, len(data) - 1)) * error
    mean = float(data.mean())
    return Interval(mean - half, mean + half, level, "student_t", error)
