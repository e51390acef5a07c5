"""Which change in loss shows with so many test rows and seeds, before they are paid for.

From a pilot: how much paired row differences vary, and how much each side's loss varies over seeds. The
interval of a change is the report's own (Student's t of the summed variances, Welch and Satterthwaite's
degrees of freedom); the power is the chance that it does not hold zero, by the noncentral t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan

from scipy.optimize import brentq
from scipy.stats import chi2, nct
from scipy.stats import t as student

from services.metrics.intervals.welch import VariancePart, combined

WANTED = 0.8
LEVEL = 0.95
MOST_ROWS, MOST_SEEDS = 10**7, 1000
STRIDE = 1.2


@dataclass(frozen=True)
class Pilot:
    """`row_deviation`: of a mean over R rows the standard error is this over √R. `seed_deviations`: standard
    deviation of the loss over seeds, of each side."""

    rows: int
    seeds: int
    row_deviation: float
    seed_deviations: tuple[float, float]

    def power(self, change: float, *, rows: int | None = None, seeds: int | None = None) -> float:
        """The chance that a change of this size shows, with these rows and seeds instead of the pilot's."""
        rows, seeds = rows or self.rows, seeds or self.seeds
        parts = [VariancePart(self.row_deviation**2 / rows, rows - 1)]
        if seeds > 1:
            parts += [VariancePart(one**2 / seeds, seeds - 1) for one in self.seed_deviations]
        variance, freedom = combined(parts)
        if variance == 0:
            return 1.0 if change else 0.0
        limit = student.isf((1 - LEVEL) / 2, freedom)
        shifted = abs(change) / variance**0.5
        power = float(nct.sf(limit, freedom, shifted) + nct.cdf(-limit, freedom, shifted))
        # SciPy has no number for a change of many standard errors: the normal part is nothing beside it.
        return float(chi2.cdf(freedom * (shifted / limit) ** 2, freedom)) if isnan(power) else power

    @property
    def smallest(self) -> float:
        """The smallest change that shows with 80 % power."""
        if self.power(1e-9) >= WANTED:
            return 0.0
        high = 1e-6
        while self.power(high) < WANTED:
            high *= 2
        return float(brentq(lambda change: self.power(change) - WANTED, high / 2, high))

    def rows_for(self, change: float) -> int | None:
        """Test rows with which it shows with 80 % power, at the pilot's seeds; None: with no number."""
        return _fewest(lambda rows: self.power(change, rows=rows), 2, MOST_ROWS)

    def seeds_for(self, change: float) -> int | None:
        """Seeds with which it shows, at the pilot's rows; None: with no number."""
        return _fewest(lambda seeds: self.power(change, seeds=seeds), 2, MOST_SEEDS)


def _fewest(power: Callable[[int], float], low: int, high: int) -> int | None:
    """The first that is enough, looked for upwards: power need not grow with the number, as fewer degrees of
    freedom come with a part that grows small."""
    lacking, enough = low - 1, low
    while power(enough) < WANTED:
        if enough == high:
            return None
        lacking, enough = enough, min(high, max(enough + 1, round(STRIDE * enough)))
    while enough - lacking > 1:
        middle = (lacking + enough) // 2
        lacking, enough = (lacking, middle) if power(middle) >= WANTED else (middle, enough)
    return enough
