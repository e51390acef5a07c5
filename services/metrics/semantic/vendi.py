"""The Vendi score: how many entirely different texts would be as diverse as these.

Friedman and Dieng, "The Vendi Score" (2210.02410), and, for other orders, Pasarkar and Dieng, "Cousins of the
Vendi Score" (2310.12952). With K the n × n matrix of cosine similarities and λ the eigenvalues of K/n,

    V_q = exp( ln(Σ λ^q) / (1 − q) ),   V_1 = exp(−Σ λ ln λ),   V_∞ = 1/max λ.

K/n = XXᵀ/n and the d × d matrix ρ = XᵀX/n share their nonzero eigenvalues, so the smaller of the two is
decomposed. The score lies between 1 (all texts alike) and min(n, d), and grows with n: compare equal sizes
only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigvalsh
from scipy.special import logsumexp

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.moments import Moments, second_moment
from services.metrics.semantic.vectors import Vectors, require_finite

NEAR_ONE = 1e-8
"""So near to 1 an order is taken for 1: the quotient of the general formula would be rounding."""


def vendi(vectors: Vectors, order: float = 1.0) -> float:
    """The Vendi score of n × d unit rows, of order `order` ≥ 0 (`math.inf` allowed).

    Raises Unmeasurable for no rows, NaN embeddings or a negative order.
    """
    require_rows(len(vectors), 1, "The Vendi score")
    if len(vectors) < vectors.shape[1]:
        gram = vectors.astype(np.float64) @ vectors.astype(np.float64).T
        require_finite(vectors, np.diagonal(gram))
        return _score(gram / len(vectors), order)
    # Orders below 1 weigh the smallest eigenvalues most, and those of single precision's rounding among them.
    return _score(second_moment(vectors, exact=order < 1) / len(vectors), order)


def vendi_of_moments(moments: Moments, order: float = 1.0) -> float:
    """The Vendi score from a (merged) second-moment state of unit rows."""
    require_rows(moments.count, 1, "The Vendi score")
    return _score(moments.second / moments.count, order)


def _score(density: NDArray[np.float64], order: float) -> float:
    if order == 2:  # Σ λ² is the squared Frobenius norm: no decomposition needed
        return float(1 / np.square(density).sum())
    return score_of_spectrum(spectrum(density), order)


def spectrum(density: NDArray[np.float64]) -> NDArray[np.float64]:
    """Eigenvalues above rounding error (largest · size · 2⁻⁵²), ascending, scaled to add up to 1."""
    values = eigvalsh(density, check_finite=False)
    kept = values[values > values[-1] * len(values) * np.finfo(np.float64).eps]
    scaled: NDArray[np.float64] = kept / kept.sum()
    return scaled


def score_of_spectrum(eigenvalues: NDArray[np.float64], order: float) -> float:
    """exp of the Rényi entropy of order `order` of positive numbers that add up to 1."""
    if not order >= 0:
        raise Unmeasurable(
            "bad_order", f"The order of a Vendi score is at least 0, not {order}.", field="order"
        )
    if order == math.inf:
        return float(1 / eigenvalues[-1])
    logarithms = np.log(eigenvalues)
    if abs(order - 1) < NEAR_ONE:
        return float(np.exp(-(eigenvalues * logarithms).sum()))
    return float(np.exp(logsumexp(order * logarithms) / (1 - order)))
