"""Confidence interval of a mean over pairs of rows (a U-statistic), by its first-order projection."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import Interval
from services.metrics.intervals.units import Units
from services.metrics.problems import require_rows
from services.metrics.semantic.moments import sum_of_rows
from services.metrics.semantic.pairwise import mean_cosine_distance
from services.metrics.semantic.vectors import Vectors


def mean_cosine_interval(vectors: Vectors, *, units: Units | None = None, level: float = 0.95) -> Interval:
    """The interval of `mean_cosine_distance` of n × d unit rows, n ≥ 3, in two passes.

    The rows' own means over the others are h_i = 1 − (x_i·Σx − 1)/(n − 1).
    """
    count = len(vectors)
    require_rows(count, 3, "The interval of the mean pairwise distance")
    own = 1 - (vectors @ sum_of_rows(vectors) - 1) / (count - 1)
    return pair_mean_interval(own, mean_cosine_distance(vectors), units=units, level=level).within(0, 2)


def pair_mean_interval(
    own: NDArray[np.float64], value: float, *, units: Units | None = None, level: float = 0.95
) -> Interval:
    """The interval of a mean over pairs from each row's own mean over the others, h, n ≥ 3.

    They are not independent of each other, but the U-statistic is within O(1/n) of a mean of 2h_i − U
    (Hoeffding 1948): se = 2·sd(h)/√n; what the rows of one of the `units` do is added up.
    """
    require_rows(len(own), 3, "The interval of a mean over pairs")
    units = units or Units.singles(len(own))
    return units.around(value, 2 * (own - own.mean()) / len(own), level)
