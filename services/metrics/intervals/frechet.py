"""Confidence interval of the Fréchet distance, from mergeable moments.

A group of rows is left out by taking its moments off its side's: no row is read twice, and each replicate is
one eigenvalue problem, because the root of the side that stays whole is taken once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, NoInterval, Spread
from services.metrics.intervals.jackknife import FEWEST, GROUPS
from services.metrics.semantic.moments import Moments
from services.metrics.semantic.vectors import Vectors
from services.metrics.shift.frechet import Gaussian, distance
from services.metrics.shift.replicates import FEWEST_LABELLINGS, jackknife_variance
from services.metrics.shift.sides import Sides

MOST_WORK = 99 * 384**3
"""Cubes of dimensions that relabellings may take together: 99 of them in 384 dimensions, some three
seconds."""
MOST_DIMENSIONS = 1024
"""Above, 6 groups a side instead of 20: an eigenvalue problem takes d³."""
FEWER_GROUPS = 6


def frechet_interval(
    real: Vectors,
    generated: Vectors,
    *,
    sides: Sides | None = None,
    relabelled: NDArray[np.float64] | None = None,
    level: float = 0.95,
    seed: int,
    most_dimensions: int = MOST_DIMENSIONS,
) -> Spread:
    """The interval of the Fréchet distance of n × d and m × d rows by the delete-a-group jackknife of each
    side, or of pairs where `sides` says so, of fewer groups above `most_dimensions`. None below 4 rows a
    side. The variance of `relabelled` rows is allowed for as in `shift/replicates.py`.

    The distance is biased upwards by about d/n; `bias` is the jackknife's estimate of that, good where rows
    outnumber dimensions, and too small where they do not.
    """
    if min(len(real), len(generated)) < FEWEST:
        return NoInterval(f"an interval of the Fréchet distance needs {FEWEST} rows a side")
    sides = sides or Sides.of(len(real), len(generated))
    kept, samples = sides.left_out(seed, GROUPS if real.shape[1] <= most_dimensions else FEWER_GROUPS)
    if min(samples) < FEWEST:
        return NoInterval(f"an interval of the Fréchet distance needs {FEWEST} draws a side")
    moments = Moments.of(real.astype(np.float64)), Moments.of(generated.astype(np.float64))
    first, second = (Gaussian.of(side) for side in moments)
    value = distance(first, second)
    without = []
    for column in kept.T:
        one, other = (
            Gaussian.of(whole.moments - _part(side[~keep])) if not keep.all() else whole
            for whole, side, keep in (
                (first, real, column[: len(real)]),
                (second, generated, column[len(real) :]),
            )
        )
        # The root of the side that stays whole is taken once.
        without.append(distance(second, one) if other is second else distance(one, other))
    values = np.split(np.asarray(without), np.cumsum(samples)[:-1])
    variance, bias = jackknife_variance(value, values)
    if relabelled is not None and len(relabelled) >= FEWEST_LABELLINGS:
        variance = max(variance - float(relabelled.var()), float(relabelled.var()))
    error, replicates = float(np.sqrt(variance)), min(samples)
    half = float(student.isf((1 - level) / 2, replicates - 1)) * error
    return Interval(
        value - half, value + half, level, "jackknife", error, replicates=replicates, seed=seed, bias=bias
    ).at_least(0)


def relabelled_distances(
    real: Vectors, generated: Vectors, sides: Sides, relabellings: int, *, seed: int
) -> NDArray[np.float64]:
    """The distances of relabelled rows, as many as are affordable: an eigenvalue problem of d × d takes d³.
    None where fewer than 19 are."""
    rows = np.concatenate([real, generated]).astype(np.float64)
    count = min(relabellings, int(MOST_WORK / rows.shape[1] ** 3))
    if count < FEWEST_LABELLINGS or min(len(real), len(generated)) < 2:
        return np.zeros(0)
    whole = Moments.of(rows)
    found = []
    for labels in sides.relabelled(count, np.random.default_rng([seed, 8])).T:
        part = _part(rows[~labels])
        found.append(distance(Gaussian.of(part), Gaussian.of(whole - part)))
    return np.asarray(found)


def _part(rows: Vectors) -> Moments:
    return Moments.of(rows.astype(np.float64))
