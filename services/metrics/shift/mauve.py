"""MAUVE: the area under the curve of divergences from mixtures of two quantised distributions.

Pillutla et al., "MAUVE" (2102.01454; estimation in 2212.14578), written from the paper's formula. With p
and q the cluster shares of the real and the generated texts and r_λ = λp + (1 − λ)q,

    C = { (exp(−c KL(q ‖ r_λ)), exp(−c KL(p ‖ r_λ))) : 0 ≤ λ ≤ 1 },   c = 5,

closed by (1, 0) and (0, 1). The area lies between 0 and 1; 1 means no difference at this resolution. It
depends on the number of texts and of clusters: use it to rank datasets of equal size, with a few thousand
texts a side.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from services.metrics.problems import require_rows
from services.metrics.semantic.vectors import Vectors, require_finite, require_like

SCALING = 5.0
POINTS = 25
VARIANCE = 0.9


@dataclass(frozen=True)
class Mauve:
    """`value` is the area; `curve` its points; `small` is true when the paper's advice on size is not met.

    `real_labels` and `generated_labels` hold the cluster of each text.
    """

    value: float
    clusters: int
    dimensions: int
    curve: tuple[tuple[float, float], ...]
    small: bool
    seed: int
    real_labels: NDArray[np.int64]
    generated_labels: NDArray[np.int64]


def mauve(real: Vectors, generated: Vectors, *, clusters: int | None = None, seed: int) -> Mauve:
    """MAUVE of two sets of embeddings with the paper's settings.

    Both sets together are normalised, reduced to the principal components that hold 90 % of the variance, and
    quantised by k-means into `clusters` (default: a tenth of the smaller set, at least 2).
    """
    require_rows(len(real), 2, "MAUVE from a reference")
    require_rows(len(generated), 2, "MAUVE")
    require_like(real, generated)
    pooled = _reduced(np.concatenate([real, generated]))
    k = min(clusters or max(2, round(min(len(real), len(generated)) / 10)), len(np.unique(pooled, axis=0)))
    labels = KMeans(k, n_init=1, random_state=seed).fit_predict(pooled).astype(np.int64)
    sides = labels[: len(real)], labels[len(real) :]
    curve = curve_of_labels(*sides, k)
    return Mauve(
        value=area_under(curve),
        clusters=k,
        dimensions=pooled.shape[1],
        curve=tuple((float(x), float(y)) for x, y in curve),
        small=min(len(real), len(generated)) < 1000,
        seed=seed,
        real_labels=sides[0],
        generated_labels=sides[1],
    )


def curve_of_labels(
    real: NDArray[np.int64], generated: NDArray[np.int64], clusters: int
) -> NDArray[np.float64]:
    """The curve of two sets of texts by the cluster of each."""
    p, q = (np.bincount(side, minlength=clusters) / len(side) for side in (real, generated))
    return divergence_curve(p, q)


def divergence_curve(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of the curve, (POINTS + 2) × 2, from (1, 0) to (0, 1)."""
    weights = np.linspace(0, 1, POINTS)
    points = [(1.0, 0.0)]
    for weight in weights:
        mixture = weight * p + (1 - weight) * q
        points.append(
            (np.exp(-SCALING * rel_entr(q, mixture).sum()), np.exp(-SCALING * rel_entr(p, mixture).sum()))
        )
    return np.asarray([*points, (0.0, 1.0)])


def area_under(curve: NDArray[np.float64]) -> float:
    """Area under the curve by the trapezoidal rule; x falls monotonically along it."""
    return float(np.clip(-np.trapezoid(curve[:, 1], curve[:, 0]), 0, 1))


def _reduced(pooled: Vectors) -> NDArray[np.float64]:
    require_finite(pooled, pooled.sum(dtype=np.float64))
    rows = np.asarray(normalize(pooled), dtype=np.float64)
    if np.ptp(rows, axis=0).max() < 1e-12:
        return rows  # one point only: there is no variance to keep
    return np.asarray(PCA(VARIANCE, svd_solver="full").fit_transform(rows))
