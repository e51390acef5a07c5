"""A confidence interval and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from scipy.stats import norm

from services.metrics.problems import Unmeasurable

Method = Literal["influence", "bootstrap", "jackknife", "student_t", "delong"]


@dataclass(frozen=True)
class Interval:
    """[low, high] at confidence `level`. It covers the chance of which rows were drawn, not any bias of the
    measure at this size. `replicates` and `seed` are set by methods that draw."""

    low: float
    high: float
    level: float
    method: Method
    standard_error: float
    replicates: int | None = None
    seed: int | None = None

    def scaled(self, factor: float) -> Interval:
        """The interval of `factor` times what this one is for."""
        return replace(
            self, low=self.low * factor, high=self.high * factor, standard_error=self.standard_error * factor
        )

    def at_least(self, least: float) -> Interval:
        """The interval without what the measure cannot be."""
        return replace(self, low=max(least, self.low), high=max(least, self.high))


def normal_quantile(level: float) -> float:
    """z of a two-sided interval: 1.96 at 0.95. Raises Unmeasurable for a level not between 0 and 1."""
    if not 0 < level < 1:
        raise Unmeasurable(
            "bad_level", f"A confidence level lies between 0 and 1, not {level}.", field="level"
        )
    return float(norm.ppf(0.5 + level / 2))
