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
from services.metrics.intervals.welch import VariancePart, combined
from services.metrics.problems import Unmeasurable
from services.metrics.reporting.conditions import Condition
from shared.contracts.report import IntervalEstimate


def outcome(condition: Condition, y: str, *, level: float = 0.95) -> IntervalEstimate | None:
    """The figure `y` of a condition, its mean over the seeds; None where no run has it."""
    values = condition.figures(y)
    if not values:
        return None
    parts = [_seed_part(values)]
    rows = condition.row_losses() if y == "loss" else None
    if rows is not None and rows.drawn > 1:
        parts.append(_row_part(rows, None))
    return _estimate(float(np.mean(values)), parts, level, len(values))


def change(condition: Condition, other: Condition, y: str, *, level: float = 0.95) -> IntervalEstimate | None:
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


def _estimate(value: float, parts: Sequence[_Part | None], level: float, seeds: int) -> IntervalEstimate:
    known = [part for part in parts if part is not None]
    covers = tuple(dict.fromkeys(part.of for part in known))
    if not known or covers == ("seeds of one side",):
        return _told(value, None, level, seeds, ())
    variance, freedom = combined([VariancePart(part.variance, part.freedom) for part in known])
    if variance == 0:
        return _told(value, 0.0, level, seeds, covers)
    half = float(student.isf((1 - level) / 2, freedom)) * variance**0.5
    return _told(value, half, level, seeds, covers)


def _told(
    value: float, half: float | None, level: float, seeds: int, covers: tuple[str, ...]
) -> IntervalEstimate:
    low, high = (None, None) if half is None else (value - half, value + half)
    return IntervalEstimate(value=value, low=low, high=high, level=level, seeds=seeds, covers=covers)
