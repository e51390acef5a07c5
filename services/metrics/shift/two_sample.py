"""Classifier two-sample test: can a classifier tell generated texts from real ones, and by which rows?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.metrics.intervals.interval import Interval, normal_quantile
from services.metrics.problems import require_rows
from services.metrics.semantic.vectors import Vectors, require_finite, require_like

FOLDS = 5


@dataclass(frozen=True)
class Telltale:
    """A row that gives the shift away: its side, its place there, and P(generated) when it was held out."""

    side: Literal["real", "generated"]
    row: int
    probability: float


@dataclass(frozen=True)
class TwoSample:
    """`auc` is 0.5 when the sides cannot be told apart and 1 when every held-out row can."""

    auc: float
    interval: Interval
    folds: int
    telltales: tuple[Telltale, ...]
    seed: int


def two_sample(
    real: Vectors, generated: Vectors, *, folds: int = FOLDS, shown: int = 20, level: float = 0.95, seed: int
) -> TwoSample:
    """AUC of a logistic regression (L2, C = 1, standardised dimensions) on held-out rows.

    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests" (1610.06545), with the AUC in place of
    the accuracy so that sides may differ in size. Equal rows are held out together: a row whose twin on
    the other side was trained on would score *below* chance. `telltales` are the `shown` rows held out
    most confidently on their true side, most confident first. Needs as many distinct rows a side as folds.
    """
    require_rows(len(real), folds, "The classifier two-sample test from a reference")
    require_rows(len(generated), folds, "The classifier two-sample test")
    require_like(real, generated)
    rows = np.concatenate([real, generated]).astype(np.float64)
    require_finite(rows, rows.sum())
    labels = np.repeat([0, 1], [len(real), len(generated)])
    probabilities = _held_out(rows, labels, folds, seed)
    auc, error = area_and_error(probabilities[labels == 0], probabilities[labels == 1])
    half = normal_quantile(level) * error
    return TwoSample(
        auc=auc,
        interval=Interval(
            max(0.0, auc - half), min(1.0, auc + half), level=level, method="delong", standard_error=error
        ),
        folds=folds,
        telltales=_telltales(probabilities, labels, shown),
        seed=seed,
    )


def _held_out(
    rows: NDArray[np.float64], labels: NDArray[np.int64], folds: int, seed: int
) -> NDArray[np.float64]:
    """P(generated) of each row from a classifier that saw neither it nor its equals."""
    groups = np.unique(rows, axis=0, return_inverse=True)[1].ravel()
    require_rows(
        len(np.unique(groups[labels == 0])),
        folds,
        "The two-sample test (counting equal rows of the reference once)",
    )
    require_rows(len(np.unique(groups[labels == 1])), folds, "The two-sample test (counting equal rows once)")
    classifier = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    split = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return np.asarray(
        cross_val_predict(classifier, rows, labels, groups=groups, cv=split, method="predict_proba")[:, 1]
    )


def area_and_error(negative: NDArray[np.float64], positive: NDArray[np.float64]) -> tuple[float, float]:
    """AUC with ties counted half, and its standard error by DeLong's placements (DeLong et al. 1988)."""
    m, n = len(negative), len(positive)
    ranks = rankdata(np.concatenate([negative, positive]))
    above = (ranks[m:] - rankdata(positive)) / m  # share of negatives below each positive
    below = 1 - (ranks[:m] - rankdata(negative)) / n  # share of positives above each negative
    variance = (above.var(ddof=1) / n if n > 1 else 0.0) + (below.var(ddof=1) / m if m > 1 else 0.0)
    return float(above.mean()), float(np.sqrt(variance))


def _telltales(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], shown: int
) -> tuple[Telltale, ...]:
    confidence = np.where(labels == 1, probabilities, 1 - probabilities)
    first = np.lexsort((np.arange(len(labels)), -confidence))[:shown]
    real_rows = int((labels == 0).sum())
    return tuple(
        Telltale("generated", int(row - real_rows), float(probabilities[row]))
        if labels[row]
        else Telltale("real", int(row), float(probabilities[row]))
        for row in first
    )
