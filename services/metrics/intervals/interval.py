"""A confidence interval and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from scipy.stats import norm

from services.metrics.problems import Unmeasurable

Method = Literal[
    "influence",
    "bootstrap",
    "jackknife",
    "delete-a-group jackknife",
    "delete_one_jackknife",
    "student_t",
    "delong_and_relabelling",
    "exact_binomial",
    "order_statistics",
    "half_samples",
]


@dataclass(frozen=True)
class Interval:
    """[low, high] at confidence `level`. It covers the chance of which rows were drawn, not any bias of the
    measure at this size. `replicates` and `seed` are set by methods that draw.

    `bias` is the jackknife's estimate of E[value] − its limit, to first order in 1/rows: told, not taken
    off. `note` says what the interval leaves out.
    """

    low: float
    high: float
    level: float
    method: Method
    standard_error: float
    replicates: int | None = None
    seed: int | None = None
    bias: float | None = None
    note: str = ""

    def scaled(self, factor: float) -> Interval:
        """The interval of `factor` times what this one is for."""
        return replace(
            self,
            low=self.low * factor,
            high=self.high * factor,
            standard_error=self.standard_error * factor,
            bias=None if self.bias is None else self.bias * factor,
        )

    def at_least(self, least: float) -> Interval:
        """The interval without what the measure cannot be."""
        return self.within(least, float("inf"))

    def within(self, least: float, most: float) -> Interval:
        """The same inside the measure's range."""
        low, high = (min(max(limit, least), most) for limit in (self.low, self.high))
        return replace(self, low=low, high=high)

    def noting(self, note: str) -> Interval:
        """The same, saying what it leaves out."""
        return replace(self, note="; ".join(part for part in (self.note, note) if part))


@dataclass(frozen=True)
class NoInterval:
    """Why a value has no interval."""

    reason: str


Spread = Interval | NoInterval


def normal_quantile(level: float) -> float:
    """z of a two-sided interval: 1.96 at 0.95. Raises Unmeasurable for a level not between 0 and 1, or so
    near to 0 that its interval is no wider than a point."""
    z = float(norm.isf((1 - level) / 2)) if 0 < level < 1 else 0.0
    if z == 0:
        raise Unmeasurable(
            "bad_level", f"A confidence level lies between 0 and 1, not {level}.", field="level"
        )
    return z
