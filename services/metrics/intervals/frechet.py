"""Confidence interval of the Fréchet distance, from mergeable moments.

A group of rows is left out by taking its moments off its side's: no row is read twice, and each replicate is
one eigenvalue problem, because the root of the side that stays whole is taken once.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.intervals.jackknife import FEWEST, GROUPS, grouped, two_sided_of_values
from services.metrics.semantic.moments import Moments
from services.metrics.semantic.vectors import Vectors
from services.metrics.shift.frechet import Gaussian, distance

MOST_DIMENSIONS = 1024
"""Above, 6 groups a side instead of 20: an eigenvalue problem takes d³."""
FEWER_GROUPS = 6


def frechet_interval(
    real: Vectors,
    generated: Vectors,
    *,
    level: float = 0.95,
    seed: int,
    most_dimensions: int = MOST_DIMENSIONS,
) -> Spread:
    """The interval of the Fréchet distance of n × d and m × d rows by the delete-a-group jackknife of each
    side, of fewer groups above `most_dimensions`. None below 4 rows a side.

    The distance is biased upwards by about d/n; `bias` is the jackknife's estimate of that, good where rows
    outnumber dimensions, and too small where they do not.
    """
    if min(len(real), len(generated)) < FEWEST:
        return NoInterval(f"an interval of the Fréchet distance needs {FEWEST} rows a side")
    groups = GROUPS if real.shape[1] <= most_dimensions else FEWER_GROUPS
    parts, others = (
        [Moments.of(side[np.sort(group)].astype(np.float64)) for group in grouped(len(side), groups, seed)]
        for side in (real, generated)
    )
    first, second = (Gaussian.of(reduce(Moments.__add__, side)) for side in (parts, others))
    value = distance(first, second)
    without_real = [distance(second, Gaussian.of(first.moments - part)) for part in parts]
    without_generated = [distance(first, Gaussian.of(second.moments - part)) for part in others]
    found = two_sided_of_values(value, without_real, without_generated, level=level, seed=seed)
    return found.at_least(0)
