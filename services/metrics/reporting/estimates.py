"""A condition's loss and its change, with intervals over what chance had a hand in: test rows and seeds.

The two sources are independent and their variances add. With k seeds of standard deviation s, and a test set
whose rows are a sample,

    Var = s²/k + Var(rows),        Var(rows) by the delta method of a ratio of sums (`intervals.losses`)

and the interval is Student's, with the degrees of freedom of Welch and Satterthwaite. With one seed only the
rows are covered, and the estimate says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from services.metrics.intervals.losses import RowLosses, difference_interval, loss_interval
from services.metrics.problems import Unmeasurable
from services.metrics.reporting.conditions import Condition


@dataclass(frozen=True)
class EstimatedValue:
    """`covers` names the chances that the interval is over; empty, and no interval, where none is known."""

    value: float
    low: float | None
    high: float | None
    level: float
    seeds: int
    covers: tuple[str, ...]

    @property
    def sign(self) -> int:
        """+1 or −1 where the whole interval lies on that side of zero, else 0."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


def outcome(condition: Condition, y: str, *, level: float = 0.95) -> EstimatedValue | None:
    """The figure `y` of a condition, its mean over the seeds; None where no run has it."""
    values = condition.figures(y)
    if not values:
        return None
    parts = [_seed_part(values)]
    rows = condition.row_losses() if y == "loss" else None
    if rows is not None and rows.drawn > 1:
        parts.append(_row_part(rows, None))
    return _estimate(float(np.mean(values)), parts, level, len(values))


def change(condition: Condition, other: Condition, y: str, *, level: float = 0.95) -> EstimatedValue | None:
    """`condition` − `other`. Losses on the same test rows are paired by row: what all rows share cancels."""
    here, there = condition.figures(y), other.figures(y)
    if not here or not there:
        return None
    both = len(here) > 1 and len(there) > 1
    parts = [_seed_part(values, "seeds" if both else "seeds of one side") for values in (here, there)]
    if y == "loss":
        first, second = condition.row_losses(), other.row_losses()
        if first is not None and second is not None and first.drawn > 1:
            try:
                parts.append(_row_part(first, second))
            except Unmeasurable:  # evaluated on other rows: not to be compared at all
                return None
    return _estimate(float(np.mean(here) - np.mean(there)), parts, level, min(len(here), len(there)))


@dataclass(frozen=True)
class _Part:
    of: str
    variance: float
    freedom: float


def _seed_part(values: Sequence[float], of: str = "seeds") -> _Part | None:
    count = len(values)
    if count < 2:
        return None
    return _Part(of, float(np.var(values, ddof=1)) / count, count - 1)


def _row_part(rows: RowLosses, baseline: RowLosses | None) -> _Part:
    interval = loss_interval(rows) if baseline is None else difference_interval(rows, baseline)
    return _Part("test rows", interval.standard_error**2, rows.drawn - 1)


def _estimate(value: float, parts: Sequence[_Part | None], level: float, seeds: int) -> EstimatedValue:
    known = [part for part in parts if part is not None]
    covers = tuple(dict.fromkeys(part.of for part in known))
    variance = sum(part.variance for part in known)
    if not known or covers == ("seeds of one side",):
        return EstimatedValue(value, None, None, level, seeds, ())
    if variance == 0:
        return EstimatedValue(value, value, value, level, seeds, covers)
    freedom = variance**2 / sum(part.variance**2 / part.freedom for part in known if part.variance)
    half = float(student.isf((1 - level) / 2, freedom)) * variance**0.5
    return EstimatedValue(value, value - half, value + half, level, seeds, covers)
