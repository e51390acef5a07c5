"""Confidence intervals of the Vendi score by its influence function.

Resampling rows with replacement is wrong here: copies of a row make a set less diverse, so bootstrap
replicates centre several standard errors below the score. The influence function needs one pass and no
replicate. For H_q = ln V_q, a functional of ρ = E[xxᵀ] that moves by dρ = xxᵀ − ρ when weight moves onto
x,

    q = 1:      IF(x) = −xᵀ(ln ρ)x − H
    q ≠ 1, ∞:   IF(x) = q/(1 − q) · (xᵀρ^(q−1)x / tr ρ^q − 1)
    q = ∞:      IF(x) = 1 − xᵀvvᵀx/λ₁   (v the first eigenvector)

and se(H) = √(mean IF² / n). The interval is exp(H ± z·se). It covers the chance of which rows were drawn; the
score's growth with n is not an error that an interval could cover.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import Interval
from services.metrics.intervals.units import Units
from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.moments import second_moment
from services.metrics.semantic.vectors import Vectors
from services.metrics.semantic.vendi import NEAR_ONE, score_of_spectrum


def vendi_interval(
    vectors: Vectors,
    order: float = 1.0,
    *,
    value: float | None = None,
    units: Units | None = None,
    level: float = 0.95,
) -> Interval:
    """The interval of `vendi(vectors, order)`, or of that `value` where it is known, for n × d unit rows;
    n ≥ 2, order > 0. The influences of the rows of one of the `units` are added up.

    For q < 1 a direction that no row of the sample has cannot be accounted for: such orders count rare
    directions most, and the interval is too narrow where many were missed.
    """
    require_rows(len(vectors), 2, "The interval of a Vendi score")
    if order == 0:
        raise Unmeasurable("bad_order", "The Vendi score of order 0 counts dimensions: it has no interval.")
    units = units or Units.singles(len(vectors))
    z = units.quantile(level)
    eigenvalues, directions = np.linalg.eigh(second_moment(vectors, exact=True) / len(vectors))
    kept = eigenvalues > eigenvalues[-1] * len(eigenvalues) * np.finfo(np.float64).eps
    eigenvalues = eigenvalues[kept] / eigenvalues[kept].sum()
    score = score_of_spectrum(eigenvalues, order)
    influence = _influence((vectors @ directions[:, kept]) ** 2, eigenvalues, order, math.log(score))
    error = units.error(influence / len(vectors))
    value = score if value is None else value
    low, high = value * math.exp(-z * error), value * math.exp(z * error)
    return Interval(low, high, level, "influence", value * error)


def _influence(
    squares: NDArray[np.float64], eigenvalues: NDArray[np.float64], order: float, entropy: float
) -> NDArray[np.float64]:
    """IF of each row from its squared coordinates along ρ's eigenvectors (n × r)."""
    if abs(order - 1) < NEAR_ONE:
        return np.asarray(-(squares @ np.log(eigenvalues)) - entropy)
    if order == math.inf:
        return np.asarray(1 - squares[:, -1] / eigenvalues[-1])
    tilted = (eigenvalues / eigenvalues[-1]) ** (order - 1)
    return np.asarray(order / (1 - order) * (squares @ tilted / (eigenvalues @ tilted) - 1))
