"""Classifier two-sample test: can a classifier tell generated texts from real ones, and by which rows?

The classifier is logistic regression (L2, C = 1) of standardised dimensions, after one step of Newton's
method from zero: w = (XᵀX + 4I)⁻¹ Xᵀ·4(y − ȳ), which is ridge regression with α = 4 (scikit-learn's, to the
last bits). Its scores are linear in the labels: those of every relabelling come from one factorisation a
fold, so that the AUC has a permutation test of itself.

Its interval: DeLong's variance takes scores for independent of each other. Of cross-validated ones they are
not, as each pair of rows meets twice, as train and test row. How much that adds is seen where labels say
nothing:

    Var = DeLong + (Var of the relabelled AUCs − their mean DeLong variance)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from scipy.stats import rankdata

from services.metrics.duplicates.groups import Groups
from services.metrics.intervals.interval import Interval, normal_quantile
from services.metrics.intervals.units import Units
from services.metrics.problems import require_rows
from services.metrics.semantic.vectors import Vectors, require_finite, require_like
from services.metrics.shift.sides import Labels, Sides

FOLDS = 5
RELABELLINGS = 199
FEWEST_RELABELLINGS = 49
MOST_SCORES = 2_000_000
"""Scores (rows × relabellings) up to which there are as many relabellings as asked for; then fewer."""
ALPHA = 4.0
"""Of the ridge regression that the first step of logistic regression with C = 1 is."""
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Telltale:
    """A row that gives the shift away: its side, its place there, and P(generated) when it was held out."""

    side: Literal["real", "generated"]
    row: int
    probability: float


@dataclass(frozen=True)
class TwoSample:
    """`auc` is 0.5 when the sides cannot be told apart and 1 when every held-out row can. `relabelled` are
    AUCs of relabelled rows, on the same folds."""

    auc: float
    interval: Interval
    folds: int
    telltales: tuple[Telltale, ...]
    seed: int
    relabelled: Floats


def two_sample(
    real: Vectors,
    generated: Vectors,
    *,
    units: Units | None = None,
    folds: int = FOLDS,
    shown: int = 20,
    level: float = 0.95,
    relabellings: int = RELABELLINGS,
    seed: int,
) -> TwoSample:
    """AUC of a linear classifier on held-out rows.

    Lopez-Paz and Oquab, "Revisiting Classifier Two-Sample Tests" (1610.06545), with the AUC in place of
    the accuracy so that sides may differ in size. `units` (of all rows, real ones first) are held out
    together, and so are equal rows: a row whose twin on the other side was trained on would score *below*
    chance. `telltales` are the `shown` rows held out most confidently on their true side, most confident
    first. Needs as many distinct rows and units a side as folds.
    """
    require_rows(len(real), folds, "The classifier two-sample test from a reference")
    require_rows(len(generated), folds, "The classifier two-sample test")
    require_like(real, generated)
    rows = np.concatenate([real, generated]).astype(np.float64)
    require_finite(rows, rows.sum())
    sides = Sides.of(len(real), len(generated), units)
    random = np.random.default_rng([seed, 6])
    fold = folds_of(sides, _together(rows, sides.units), folds, random)
    wanted = min(relabellings, max(FEWEST_RELABELLINGS, MOST_SCORES // len(rows)))
    labels = np.concatenate([sides.generated[:, None], sides.relabelled(wanted, random, fold)], axis=1)
    scores = held_out_scores(rows, labels, fold)
    own = scores[:, 0]
    auc, _ = area_and_error(own[: len(real)], own[len(real) :])
    areas, errors = areas_and_variances(scores, labels, sides.units, random)
    excess = max(0.0, float(areas[1:].var() - errors[1:].mean())) if wanted else 0.0
    error = float(np.sqrt(errors[0] + excess))
    half = normal_quantile(level) * error
    return TwoSample(
        auc=auc,
        interval=Interval(
            max(0.0, auc - half),
            min(1.0, auc + half),
            level=level,
            method="delong_and_relabelling",
            standard_error=error,
            replicates=wanted,
            seed=seed,
        ),
        folds=folds,
        telltales=_telltales(expit(own), sides.generated, shown),
        seed=seed,
        relabelled=areas[1:],
    )


def folds_of(sides: Sides, together: Units, folds: int, random: np.random.Generator) -> NDArray[np.int64]:
    """The fold of each row: units are dealt out, largest first, so that folds hold about equally many rows
    of each side. Raises Unmeasurable where a side has fewer units than folds."""
    generated = np.bincount(together.of[sides.generated], minlength=together.count)
    real = np.bincount(together.of[~sides.generated], minlength=together.count)
    for counts, what in ((real, " of the reference"), (generated, "")):
        require_rows(
            int((counts > 0).sum()),
            folds,
            f"The two-sample test (counting equal rows, and rows of one prompt,{what} once)",
        )
    order = np.lexsort((random.random(together.count), -generated, -real))
    dealt = np.empty(together.count, np.int64)
    dealt[order] = np.arange(together.count) % folds
    return np.asarray(dealt[together.of])


def held_out_scores(rows: Floats, labels: Labels, fold: NDArray[np.int64]) -> Floats:
    """The log-odds of each row under the classifier of the other folds, for each labelling; (rows,
    labellings)."""
    scores = np.empty(labels.shape)
    wanted = labels.astype(np.float64)
    for held in range(int(fold.max()) + 1):
        test = fold == held
        train = rows[~test]
        mean, scale = train.mean(axis=0), train.std(axis=0)
        scale[scale < 1e-12] = 1.0
        train = (train - mean) / scale
        aims = 4 * (wanted[~test] - wanted[~test].mean(axis=0))
        scores[test] = ((rows[test] - mean) / scale) @ _ridge(train, aims)
    return scores


def _ridge(rows: Floats, aims: Floats) -> Floats:
    """(XᵀX + αI)⁻¹ Xᵀ y, of whichever of XᵀX and XXᵀ is smaller."""
    count, dimensions = rows.shape
    if count < dimensions:
        gram = rows @ rows.T
        gram[np.diag_indices(count)] += ALPHA
        return np.asarray(rows.T @ cho_solve(cho_factor(gram), aims))
    moment = rows.T @ rows
    moment[np.diag_indices(dimensions)] += ALPHA
    return np.asarray(cho_solve(cho_factor(moment), rows.T @ aims))


def area_and_error(negative: Floats, positive: Floats) -> tuple[float, float]:
    """AUC with ties counted half, and its standard error by DeLong's placements (DeLong et al. 1988)."""
    m, n = len(negative), len(positive)
    ranks = rankdata(np.concatenate([negative, positive]))
    above = (ranks[m:] - rankdata(positive)) / m  # share of negatives below each positive
    below = 1 - (ranks[:m] - rankdata(negative)) / n  # share of positives above each negative
    variance = (above.var(ddof=1) / n if n > 1 else 0.0) + (below.var(ddof=1) / m if m > 1 else 0.0)
    return float(above.mean()), float(np.sqrt(variance))


def areas_and_variances(
    scores: Floats, labels: Labels, units: Units, random: np.random.Generator
) -> tuple[Floats, Floats]:
    """AUCs of many labellings, ties in random order, and their DeLong variances over units (Obuchowski
    1997)."""
    count = len(scores)
    shuffle = random.permutation(count)
    order = shuffle[np.argsort(scores[shuffle], axis=0, kind="stable")]
    sorted_labels = np.take_along_axis(labels, order, axis=0)
    positives, total = np.cumsum(sorted_labels, axis=0), labels.sum(axis=0)
    ascending = np.arange(1, count + 1)[:, None]
    negatives = count - total
    # Of a positive, the share of negatives below it; of a negative, that of positives above it.
    placed = np.where(sorted_labels, (ascending - positives) / negatives, 1 - positives / total)
    areas = np.where(sorted_labels, placed, 0).sum(axis=0) / total
    influence = (placed - areas) / np.where(sorted_labels, total, negatives)
    by_row = np.empty_like(influence)
    np.put_along_axis(by_row, order, influence, axis=0)
    if not units.alone:
        sums = np.zeros((units.count, by_row.shape[1]))
        np.add.at(sums, units.of, by_row)
        by_row = sums
    return areas, np.square(by_row).sum(axis=0) * len(by_row) / (len(by_row) - 1)


def _together(rows: Floats, units: Units) -> Units:
    """The units, equal rows joined to one."""
    seen: dict[bytes, int] = {}
    first = np.asarray(
        [seen.setdefault(row.tobytes(), place) for place, row in enumerate(rows + 0.0)], np.int64
    )
    if len(seen) == len(rows):
        return units
    _, place = np.unique(units.of, return_index=True)
    joined = Groups(first).merge(Groups(place[units.of]))
    return Units(np.unique(joined.first, return_inverse=True)[1].ravel().astype(np.int64))


def _telltales(probabilities: Floats, generated: Labels, shown: int) -> tuple[Telltale, ...]:
    confidence = np.where(generated, probabilities, 1 - probabilities)
    first = np.lexsort((np.arange(len(generated)), -confidence))[:shown]
    real_rows = int((~generated).sum())
    return tuple(
        Telltale("generated", int(row - real_rows), float(probabilities[row]))
        if generated[row]
        else Telltale("real", int(row), float(probabilities[row]))
        for row in first
    )
