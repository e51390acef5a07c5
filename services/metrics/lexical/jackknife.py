"""The delete-a-group jackknife: a measure's standard error from its values without one group at a time.

For measures of richness (how many different things there are) the percentile bootstrap is wrong: a
resample repeats texts and so has fewer different n-grams, and its values centre well below the measure's
own. Leaving a group out repeats nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

FEWEST_GROUPS = 4


@dataclass(frozen=True)
class Interval:
    """`low` to `high` at `confidence`, by `method`; or none, and the reason."""

    low: float | None
    high: float | None
    standard_error: float | None = None
    confidence: float = 0.95
    method: str = "delete-a-group jackknife"
    reason: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def none(cls, reason: str) -> Self:
        return cls(None, None, reason=reason)

    def mapped(self, function: Callable[[float], float]) -> Interval:
        """The interval of an increasing function of what this one is for, without a standard error."""
        if self.low is None or self.high is None:
            return self
        low, high = float(function(self.low)), float(function(self.high))
        return Interval(low, high, None, self.confidence, self.method, None, self.detail)

    def clipped(self, least: float, most: float) -> Interval:
        """The same within the measure's range."""
        if self.low is None or self.high is None:
            return self
        low, high = min(max(self.low, least), most), min(max(self.high, least), most)
        return Interval(low, high, self.standard_error, self.confidence, self.method, None, self.detail)


def grouped_jackknife(
    whole: NDArray[np.float64],
    without: NDArray[np.float64],
    sizes: NDArray[np.int64],
    confidence: float = 0.95,
) -> list[Interval]:
    """Intervals for several measures at once (Busing, Meijer, van der Leeden 1999, groups of any size).

    whole      (measures,) the values of all texts
    without    (groups, measures) the values without each group; rows that are not finite are left out
    sizes      (groups,) how much each group holds; an empty one is left out

        h_j = n / m_j,   θ~_j = h_j θ - (h_j - 1) θ_(j),   θ_J = G θ - Σ (1 - m_j / n) θ_(j)
        variance = (1/G) Σ (θ~_j - θ_J)² / (h_j - 1)

    The interval is whole ± t(G - 1) · standard error. For richness the variance errs upwards (Efron and
    Stein 1981), so that the interval is on the wide side.
    """
    usable = (sizes > 0) & np.isfinite(without).all(axis=1) & (sizes < sizes.sum())
    groups = int(usable.sum())
    if groups < FEWEST_GROUPS:
        reason = f"only {groups} groups of texts can be left out, and {FEWEST_GROUPS} are needed"
        return [Interval.none(reason) for _ in whole]
    share = (sizes[usable].sum() / sizes[usable])[:, None]
    left_out = without[usable]
    pseudo = share * whole - (share - 1) * left_out
    centre = groups * whole - ((1 - 1 / share) * left_out).sum(axis=0)
    variances = ((pseudo - centre) ** 2 / (share - 1)).mean(axis=0)
    quantile = float(student.isf((1 - confidence) / 2, groups - 1))
    return [
        _interval(float(value), math.sqrt(variance), quantile, confidence, groups)
        for value, variance in zip(whole, variances, strict=True)
    ]


def _interval(value: float, error: float, quantile: float, confidence: float, groups: int) -> Interval:
    detail = {"groups": groups}
    return Interval(value - quantile * error, value + quantile * error, error, confidence, detail=detail)
