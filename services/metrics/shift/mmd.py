"""Maximum mean discrepancy with a Gaussian kernel, and the chance of one as large under no shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.vectors import Vectors, require_finite, require_like

MOST_ROWS = 2000


@dataclass(frozen=True)
class MeanDiscrepancy:
    """`squared` is the unbiased estimate of MMD²; it is about 0, and may be below 0, when there is no
    shift."""

    squared: float
    p_value: float
    bandwidth: float
    permutations: int
    real_rows: int
    generated_rows: int
    seed: int
    without_real: NDArray[np.float64]
    """`squared` without each real row, of the same kernel; (real_rows,)."""
    without_generated: NDArray[np.float64]


def mmd(
    real: Vectors,
    generated: Vectors,
    *,
    bandwidth: float | None = None,
    permutations: int = 500,
    most_rows: int = MOST_ROWS,
    seed: int,
) -> MeanDiscrepancy:
    """Unbiased MMD² between two sets of vectors (Gretton et al. 2012, eq. 3).

        MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) − 2 mean_{ij} k(x_i, y_j)
        k(a, b) = exp(−‖a − b‖² / (2σ²)),  σ = the median distance of the pooled rows unless given

    The p-value is (1 + how many of `permutations` relabellings reach the value) / (1 + permutations). More
    than `most_rows` rows a side are sampled down (seeded); both numbers of rows are in the result. Needs 2
    rows a side.
    """
    require_rows(len(real), 2, "MMD from a reference")
    require_rows(len(generated), 2, "MMD")
    require_like(real, generated)
    random = np.random.default_rng(seed)
    x, y = _sample(real, most_rows, random), _sample(generated, most_rows, random)
    kernel, sigma = _kernel(np.concatenate([x, y]).astype(np.float64), bandwidth)
    labels = np.zeros((len(x) + len(y), permutations + 1))
    labels[: len(x), 0] = 1
    for column in range(1, permutations + 1):
        labels[random.permutation(len(labels))[: len(x)], column] = 1
    values = _statistics(kernel, labels)
    without_real, without_generated = _without_each(kernel, len(x))
    reached = int((values[1:] >= values[0] - 1e-12).sum())  # twins tie exactly but for rounding
    return MeanDiscrepancy(
        squared=float(values[0]),
        p_value=(1 + reached) / (1 + permutations),
        bandwidth=sigma,
        permutations=permutations,
        real_rows=len(x),
        generated_rows=len(y),
        seed=seed,
        without_real=without_real,
        without_generated=without_generated,
    )


def _kernel(pooled: NDArray[np.float64], bandwidth: float | None) -> tuple[NDArray[np.float64], float]:
    """The Gaussian kernel with a zero diagonal, and its σ."""
    norms = np.einsum("ij,ij->i", pooled, pooled)
    require_finite(pooled, norms)
    squared = np.maximum(norms[:, None] + norms - 2 * (pooled @ pooled.T), 0)
    sigma = (
        float(np.sqrt(np.median(squared[np.triu_indices(len(pooled), 1)])))
        if bandwidth is None
        else bandwidth
    )
    if bandwidth is None and sigma < 1e-7:
        sigma = 1.0  # most rows are one and the same: any scale tells them from the rest
    if not sigma > 0:
        raise Unmeasurable(
            "bad_bandwidth", f"The kernel's width must be above 0, not {sigma}.", field="bandwidth"
        )
    kernel = np.exp(squared / (-2 * sigma**2))
    np.fill_diagonal(kernel, 0)
    return kernel, sigma


def _statistics(kernel: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """MMD² for each column of 0/1 labels (1 = real), all of one size: two products serve every
    relabelling."""
    rows = kernel @ labels
    within_x = np.einsum("ij,ij->j", labels, rows)
    touching_x = rows.sum(axis=0)
    between = touching_x - within_x
    within_y = kernel.sum() - within_x - 2 * between
    m = labels[:, 0].sum()
    n = len(labels) - m
    values: NDArray[np.float64] = within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * between / (m * n)
    return values


def _without_each(kernel: NDArray[np.float64], real: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """MMD² without each row of the first `real`, and without each of the others; empty for sides of two."""
    sides = kernel[:real, :real], kernel[real:, real:]
    between = kernel[:real, real:]
    crossing = between.sum(axis=1), between.sum(axis=0)
    counts = real, len(kernel) - real
    means = [side.sum() / (n * (n - 1)) for side, n in zip(sides, counts, strict=True)]
    found = []
    for side, crosses, n, other, others in (
        (sides[0], crossing[0], counts[0], means[1], counts[1]),
        (sides[1], crossing[1], counts[1], means[0], counts[0]),
    ):
        if n < 3:
            found.append(np.zeros(0))
            continue
        within = (side.sum() - 2 * side.sum(axis=1)) / ((n - 1) * (n - 2))
        across = (between.sum() - crosses) / ((n - 1) * others)
        found.append(within + other - 2 * across)
    return found[0], found[1]


def _sample(vectors: Vectors, most_rows: int, random: np.random.Generator) -> Vectors:
    if len(vectors) <= most_rows:
        return vectors
    return vectors[np.sort(random.choice(len(vectors), most_rows, replace=False))]
