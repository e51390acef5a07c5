"""Intervals of a corpus loss and of the difference of two on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, normal_quantile
from services.metrics.problems import Unmeasurable, require_rows


@dataclass(frozen=True)
class RowLosses:
    """Summed negative log-likelihoods (nats) and token counts of the rows of one test set, in one order.

    `groups` says which rows were drawn together, such as the questions about one context: groups are then
    what chance draws, and intervals are over them. Unset: each row was drawn by itself.
    """

    ids: tuple[str, ...]
    nll: NDArray[np.float64]
    tokens: NDArray[np.float64]
    groups: tuple[str, ...] | None = None

    @property
    def loss(self) -> float:
        """The token-weighted corpus loss Σ nll / Σ tokens."""
        return float(self.nll.sum() / self.tokens.sum())

    @property
    def drawn(self) -> int:
        """How many independent draws the rows are."""
        return len(self.ids) if self.groups is None else len(set(self.groups))


def loss_interval(rows: RowLosses, *, level: float = 0.95) -> Interval:
    """The interval of the corpus loss over fresh test rows; rows, or their groups, are what is drawn.

    A ratio of sums L = Σa/Σb varies as the mean of its residuals a − L·b over the mean of b (the delta
    method); of rows drawn in groups the residuals are added up by group first (Liang and Zeger 1986), as rows
    of one group are alike. Two losses on the same rows share most of this chance: compare them by
    `difference_interval`.
    """
    return _ratio_interval(rows.nll, rows, level)


def difference_interval(rows: RowLosses, baseline: RowLosses, *, level: float = 0.95) -> Interval:
    """The interval of loss − baseline's loss, paired by row: what all rows share cancels.

    It covers the choice of test rows, not the chance in training: that takes several seeds. Raises
    Unmeasurable when the two were not evaluated on the same rows.
    """
    if rows.ids != baseline.ids or not np.array_equal(rows.tokens, baseline.tokens):
        raise Unmeasurable(
            "other_rows", "The two losses are of different test rows: evaluate both on one set."
        )
    return _ratio_interval(rows.nll - baseline.nll, rows, level)


def loss_covariance(tested: Sequence[RowLosses]) -> NDArray[np.float64]:
    """The covariance of several corpus losses on the same test rows, over fresh ones: each one's variance as
    in `loss_interval`, each pair's such that the variance of their difference is that of
    `difference_interval`. The caller has seen to it that the rows are the same.
    """
    first = tested[0]
    require_rows(first.drawn, 2, "The covariance of losses")
    residuals = np.asarray([_residuals(rows.nll, first) for rows in tested])
    return np.asarray(
        residuals @ residuals.T * first.drawn / (first.drawn - 1) / first.tokens.sum() ** 2, np.float64
    )


def _ratio_interval(above: NDArray[np.float64], rows: RowLosses, level: float) -> Interval:
    count, below = rows.drawn, rows.tokens
    require_rows(count, 2, "The interval of a loss")
    ratio = float(above.sum() / below.sum())
    residuals = _residuals(above, rows)
    error = float(np.sqrt(np.square(residuals).sum() * count / (count - 1)) / below.sum())
    normal_quantile(level)
    # Of 10 or 20 draws the normal quantile covers .91 to .93.
    half = float(student.isf((1 - level) / 2, count - 1)) * error
    return Interval(ratio - half, ratio + half, level, "influence", error)


def _residuals(above: NDArray[np.float64], rows: RowLosses) -> NDArray[np.float64]:
    """Of each draw (a row, or a group of them): what its rows are above their share of the ratio."""
    residuals: NDArray[np.float64] = above - above.sum() / rows.tokens.sum() * rows.tokens
    if rows.groups is None:
        return residuals
    members = np.unique(rows.groups, return_inverse=True)[1]
    return np.bincount(members, weights=residuals).astype(np.float64)
