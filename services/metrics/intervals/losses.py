"""Intervals of a corpus loss and of the difference of two on the same rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import Interval, normal_quantile
from services.metrics.problems import Unmeasurable, require_rows


@dataclass(frozen=True)
class RowLosses:
    """Summed negative log-likelihoods (nats) and token counts of the rows of one test set, in one order."""

    ids: tuple[str, ...]
    nll: NDArray[np.float64]
    tokens: NDArray[np.float64]

    @property
    def loss(self) -> float:
        """The token-weighted corpus loss Σ nll / Σ tokens."""
        return float(self.nll.sum() / self.tokens.sum())


def loss_interval(rows: RowLosses, *, level: float = 0.95) -> Interval:
    """The interval of the corpus loss over fresh test rows; rows are the unit that is drawn.

    A ratio of sums L = Σa/Σb varies as the mean of its residuals a − L·b over the mean of b (the delta
    method). Two losses on the same rows share most of this chance: compare them by `difference_interval`.
    """
    return _ratio_interval(rows.nll, rows.tokens, level)


def difference_interval(rows: RowLosses, baseline: RowLosses, *, level: float = 0.95) -> Interval:
    """The interval of loss − baseline's loss, paired by row: what all rows share cancels.

    It covers the choice of test rows, not the chance in training: that takes several seeds. Raises
    Unmeasurable when the two were not evaluated on the same rows.
    """
    if rows.ids != baseline.ids or not np.array_equal(rows.tokens, baseline.tokens):
        raise Unmeasurable(
            "other_rows", "The two losses are of different test rows: evaluate both on one set."
        )
    return _ratio_interval(rows.nll - baseline.nll, rows.tokens, level)


def _ratio_interval(above: NDArray[np.float64], below: NDArray[np.float64], level: float) -> Interval:
    count = len(above)
    require_rows(count, 2, "The interval of a loss")
    ratio = float(above.sum() / below.sum())
    residuals = above - ratio * below
    error = float(np.sqrt(np.square(residuals).sum() * count / (count - 1)) / below.sum())
    half = normal_quantile(level) * error
    return Interval(ratio - half, ratio + half, level, "influence", error)
