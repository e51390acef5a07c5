"""Confidence intervals of shares of rows, and of quantiles: exact, from counts and ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, quantile_test

from services.metrics.intervals.interval import Interval, NoInterval, Spread, normal_quantile
from services.metrics.intervals.jackknife import delete_one_interval
from services.metrics.problems import require_rows


def binomial_limits(
    counts: ArrayLike, rows: float, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits of the shares `counts` of `rows` independent rows (Clopper and Pearson 1934). Both may be
    fractions, for rows that are worth fewer independent ones."""
    normal_quantile(level)
    found = np.asarray(counts, np.float64)
    tail = (1 - level) / 2
    low = np.where(found > 0, beta.ppf(tail, np.where(found > 0, found, 1), rows - found + 1), 0.0)
    high = np.where(found < rows, beta.ppf(1 - tail, found + 1, np.where(found < rows, rows - found, 1)), 1.0)
    return low, high


def share_interval(count: int, rows: int, *, level: float = 0.95) -> Interval:
    """The interval of a share of independent rows, at least one; never without width, even at 0 and 1."""
    require_rows(rows, 1, "The interval of a share")
    low, high = binomial_limits(count, rows, level)
    share = count / rows
    error = float(np.sqrt(share * (1 - share) / rows))
    return Interval(float(low), float(high), level, "exact_binomial", error)


def repeated_interval(first: NDArray[np.int64], *, level: float = 0.95) -> Spread:
    """The interval of the share of rows that repeat an earlier one; `first` (rows,) is each row's group.

    Whether a row repeats depends on the others, so that the share is no mean of rows: with g groups in n
    rows it is 1 − g/n, and leaving out a row takes one from n, and one from g when the row was alone. It
    grows with n, as every count of different things does.
    """
    rows = len(first)
    if rows < 2:
        return NoInterval("an interval of a share of repeated rows needs 2 rows")
    alone = np.bincount(first, minlength=rows)[first] == 1
    groups = len(np.unique(first))
    without = 1 - (groups - alone) / (rows - 1)
    found = delete_one_interval(1 - groups / rows, without, level=level)
    return replace(found.within(0, 1), bias=None)


def deviation_interval(values: NDArray[np.float64], *, level: float = 0.95) -> Spread:
    """The interval of a standard deviation (divided by n) from leaving out each row; none below 3 rows."""
    rows = len(values)
    if rows < 3:
        return NoInterval("an interval of a standard deviation needs 3 rows")
    centred = np.square(values - values.mean())
    # Without row i: n/(n − 1) of the mean square, less what the row and the mean's move take.
    left = (centred.sum() - centred * rows / (rows - 1)) / (rows - 1)
    without = np.sqrt(np.maximum(left, 0))
    return replace(delete_one_interval(float(values.std()), without, level=level).at_least(0), bias=None)


def quantile_interval(values: NDArray[np.float64], share: float, *, level: float = 0.95) -> Spread:
    """The interval of a quantile between two of the ordered values, by the binomial law of their ranks
    (Conover 1999, 3.2); none where so few rows have no such two. The standard error is that of a normal law
    with such limits."""
    z = normal_quantile(level)
    if not len(values):
        return NoInterval("there are no rows")
    limits = quantile_test(values, p=share).confidence_interval(level)
    if not np.isfinite([limits.low, limits.high]).all():
        return NoInterval(f"of {len(values)} rows none is surely beyond that quantile")
    low, high = float(limits.low), float(limits.high)
    return Interval(low, high, level, "order_statistics", (high - low) / (2 * z))
