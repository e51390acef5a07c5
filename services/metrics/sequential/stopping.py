"""What a comparison says after so many seeds, however often it was looked at, and whether to go on.

Two chances are apart: training, which another seed tells more of, and which rows the test set holds, which
only more test rows do. The sequence over seeds gets half of α and the interval over rows the other half; what
both leave is where the change lies at every look together, with 1 − α.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from services.metrics.intervals.interval import normal_quantile
from services.metrics.sequential.confidence import sequence_radius

Decided = Literal["better", "worse", "equivalent", "undecided"]
"""Of a change in loss: all of its interval below zero, above it, or within what matters on both sides."""
Next = Literal["seed", "test_rows", "nothing"]
"""What would decide it: another seed, only more test rows, or nothing, as it is decided."""


@dataclass(frozen=True)
class Look:
    """One look at a comparison. `low` and `high` hold at all looks together; `more` says what would decide
    what is undecided."""

    seeds: int
    change: float
    low: float
    high: float
    decided: Decided
    more: Next


def look(changes: Sequence[float], row_error: float, matters: float, *, alpha: float = 0.05) -> Look:
    """`changes` are the differences in loss, seed by seed; `row_error` is the standard error of their mean
    over fresh test rows, paired by row. `matters`: the smallest change that the caller cares for."""
    mean = float(np.mean(changes))
    radius = sequence_radius(changes, alpha / 2)
    rows = normal_quantile(1 - alpha / 2) * row_error
    low, high = mean - radius - rows, mean + radius + rows
    decided = _decided(low, high, matters)
    more: Next = "nothing"
    if decided == "undecided":
        more = "seed" if _reachable(mean - radius, mean + radius, rows, matters) else "test_rows"
    return Look(len(changes), mean, low, high, decided, more)


def first_decided(
    changes: Sequence[float], row_errors: Sequence[float], matters: float, *, alpha: float = 0.05
) -> Look:
    """A study that ends itself: the first look that decides or that no seed can decide, else the last."""
    found = None
    for seeds in range(1, len(changes) + 1):
        found = look(changes[:seeds], row_errors[seeds - 1], matters, alpha=alpha)
        if found.more != "seed":
            break
    assert found is not None
    return found


def _decided(low: float, high: float, matters: float) -> Decided:
    if high < 0:
        return "better"
    if low > 0:
        return "worse"
    return "equivalent" if -matters < low and high < matters else "undecided"


def _reachable(low: float, high: float, rows: float, matters: float) -> bool:
    """Whether seeds without end could decide it: the change would then be known to `rows`."""
    equivalent = rows < matters and low < matters - rows and high > rows - matters
    return low + rows < 0 or high - rows > 0 or equivalent
