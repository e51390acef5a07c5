"""Maximum mean discrepancy with a Gaussian kernel, and the chance of one as large under no shift."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, NoInterval, Spread
from services.metrics.intervals.units import Units
from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.neighbours import Points
from services.metrics.semantic.vectors import Vectors, require_like
from services.metrics.shift.kernel_sums import kernel_sums
from services.metrics.shift.sides import Sides

MOST_ROWS = 10_000
"""Rows a side: 500 relabellings of so many take about 20 CPU seconds."""
WIDTH_ROWS = 4000
"""Rows whose distances say how wide the kernel is."""
Floats = NDArray[np.float64]


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
    relabelled: NDArray[np.float64]
    """`squared` of each relabelling."""
    sides: Sides
    """Of the rows used."""


def mmd(
    real: Vectors,
    generated: Vectors,
    *,
    units: Units | None = None,
    bandwidth: float | None = None,
    permutations: int = 500,
    most_rows: int = MOST_ROWS,
    seed: int,
) -> MeanDiscrepancy:
    """Unbiased MMD² between two sets of vectors (Gretton et al. 2012, eq. 3).

        MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) − 2 mean_{ij} k(x_i, y_j)
        k(a, b) = exp(−‖a − b‖² / (2σ²)),  σ = the median distance of the pooled rows unless given

    The p-value is (1 + how many of `permutations` relabellings reach the value) / (1 + permutations);
    `units` (of all rows, real ones first) are what changes sides (`shift/sides.py`). More than `most_rows`
    rows a side are sampled down (seeded); both numbers of rows are in the result. Needs 2 rows a side.
    """
    require_rows(len(real), 2, "MMD from a reference")
    require_rows(len(generated), 2, "MMD")
    require_like(real, generated)
    random = np.random.default_rng(seed)
    rows = _sample(len(real), most_rows, random), _sample(len(generated), most_rows, random)
    x, y = real[rows[0]], generated[rows[1]]
    sides = Sides.of(len(real), len(generated), units).take(np.concatenate([rows[0], len(real) + rows[1]]))
    points = Points.of(np.concatenate([x, y]))
    sigma = _width(points, seed) if bandwidth is None else bandwidth
    if not sigma > 0:
        raise Unmeasurable(
            "bad_bandwidth", f"The kernel's width must be above 0, not {sigma}.", field="bandwidth"
        )
    labels = np.concatenate([sides.generated[:, None], sides.relabelled(permutations, random)], axis=1)
    real_ones = (~labels).astype(np.float64)
    sums = kernel_sums(points, sigma, np.concatenate([real_ones, np.ones((len(points), 1))], axis=1))
    values = _statistics(sums[:, :-1], sums[:, -1], real_ones)
    without_real, without_generated = _without_each(sums[:, 0], sums[:, -1], len(x))
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
        relabelled=values[1:],
        sides=sides,
    )


def mmd_interval(found: MeanDiscrepancy, level: float) -> Spread:
    """The interval of MMD² by leaving out each row used, the kernel's width as it is; what the rows of a unit
    do is added up. As in `shift/replicates.py` the variance of relabelled rows is taken off, and is the
    least."""
    if not len(found.without_real) or not len(found.without_generated):
        return NoInterval("an interval of MMD needs 3 rows a side")
    influence = np.concatenate([side.mean() - side for side in (found.without_real, found.without_generated)])
    sums = found.sides.units.sums(influence)
    spread = float(found.relabelled.var())
    variance = max(float(np.square(sums).sum()) * len(sums) / (len(sums) - 1) - spread, spread)
    error = float(np.sqrt(variance))
    half = float(student.isf((1 - level) / 2, len(sums) - 1)) * error
    return Interval(found.squared - half, found.squared + half, level, "delete_one_jackknife", error)


def _width(points: Points, seed: int) -> float:
    """The median distance of two rows; of a seeded sample of rows, where they are many."""
    rows = np.arange(len(points))
    if len(rows) > WIDTH_ROWS:
        rows = np.sort(np.random.default_rng([seed, 5]).choice(rows, WIDTH_ROWS, replace=False))
    sample = Points.of(points.vectors[rows])
    squared = sample.squared_between(slice(None), slice(None))
    sigma = float(np.sqrt(np.median(squared[np.triu_indices(len(rows), 1)])))
    return sigma if sigma >= 1e-7 else 1.0  # most rows are one and the same: any scale tells them apart


def _statistics(rows: Floats, total: Floats, labels: Floats) -> Floats:
    """MMD² for each column of 0/1 labels (1 = real), from what each row's kernels with the real ones
    (`rows`), and with all (`total`), add up to: one pass over the kernel serves every relabelling."""
    within_x = np.einsum("ij,ij->j", labels, rows)
    between = total @ labels - within_x
    within_y = total.sum() - within_x - 2 * between
    m = np.clip(labels.sum(axis=0), 2, len(labels) - 2)
    n = len(labels) - m
    values: NDArray[np.float64] = within_x / (m * (m - 1)) + within_y / (n * (n - 1)) - 2 * between / (m * n)
    return values


def _without_each(to_real: Floats, total: Floats, real: int) -> tuple[Floats, Floats]:
    """MMD² without each row of the first `real`, and without each of the others; empty for sides of two. The
    kernels of each row with the real ones add up to `to_real`, with all to `total`."""
    to_own = to_real[:real], (total - to_real)[real:]
    crossing = (total - to_real)[:real], to_real[real:]
    between = float(crossing[0].sum())
    counts = real, len(total) - real
    means = [own.sum() / (n * (n - 1)) for own, n in zip(to_own, counts, strict=True)]
    found = []
    for own, crosses, n, other, others in (
        (to_own[0], crossing[0], counts[0], means[1], counts[1]),
        (to_own[1], crossing[1], counts[1], means[0], counts[0]),
    ):
        if n < 3:
            found.append(np.zeros(0))
            continue
        within = (own.sum() - 2 * own) / ((n - 1) * (n - 2))
        across = (between - crosses) / ((n - 1) * others)
        found.append(within + other - 2 * across)
    return found[0], found[1]


def _sample(rows: int, most_rows: int, random: np.random.Generator) -> NDArray[np.int64]:
    if rows <= most_rows:
        return np.arange(rows)
    return np.sort(random.choice(rows, most_rows, replace=False))
