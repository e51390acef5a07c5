"""Confidence intervals of shares of rows, and of quantiles: exact, from counts and ranks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, quantile_test

from services.metrics.duplicates.groups import Groups
from services.metrics.intervals.interval import Interval, NoInterval, Spread, normal_quantile
from services.metrics.intervals.jackknife import delete_one_interval
from services.metrics.intervals.units import Units
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


def drawn_share_interval(held: NDArray[np.bool_], units: Units, *, level: float = 0.95) -> Interval:
    """The interval of the share of rows that are `held` (rows,), of rows that were drawn in units: exact for
    as many independent rows as tell as much (Korn and Graubard 1998)."""
    rows, share = len(held), float(held.mean())
    alone = share * (1 - share) / rows
    together = units.error((held - share) / rows) ** 2 if 0 < share < 1 and units.count > 1 else 0.0
    independent = min(float(rows), alone / together * rows) if together else float(units.count)
    independent = max(1.0, independent)
    tail = (1 - level) / 2
    yes, no = share * independent, (1 - share) * independent
    low = float(beta.ppf(tail, yes, no + 1)) if yes > 0 else 0.0
    high = float(beta.ppf(1 - tail, yes + 1, no)) if no > 0 else 1.0
    return Interval(low, high, level, "exact_binomial", float(np.sqrt(max(together, alone))))


def share_interval(count: int, rows: int, *, level: float = 0.95) -> Interval:
    """The interval of a share of independent rows, at least one; never without width, even at 0 and 1."""
    require_rows(rows, 1, "The interval of a share")
    low, high = binomial_limits(count, rows, level)
    share = count / rows
    error = float(np.sqrt(share * (1 - share) / rows))
    return Interval(float(low), float(high), level, "exact_binomial", error)


def repeated_interval(first: NDArray[np.int64], *, units: Units | None = None, level: float = 0.95) -> Spread:
    """The interval of the share of rows that repeat an earlier one; `first` (rows,) is each row's group.

    Whether a row repeats depends on the others, so that the share is no mean of rows: with g groups in n
    rows it is 1 − g/n, and leaving out a row takes one from n, and one from g when the row was alone. Where
    rows were drawn in `units`, copies for one, it is a ratio of sums over groups and units. It grows with n,
    as every count of different things does.
    """
    rows = len(first)
    if rows < 2:
        return NoInterval("an interval of a share of repeated rows needs 2 rows")
    sizes = np.bincount(first, minlength=rows)[first]
    groups = len(np.unique(first))
    if units is None or units.alone:
        without = 1 - (groups - (sizes == 1)) / (rows - 1)
        found = delete_one_interval(1 - groups / rows, without, level=level)
        return replace(found.within(0, 1), bias=None)
    joined = Groups(first).merge(Groups(np.unique(units.of, return_index=True)[1][units.of]))
    drawn = Units(np.unique(joined.first, return_inverse=True)[1].ravel().astype(np.int64))
    if drawn.count < 2:
        return NoInterval("all rows repeat one another: they are one draw")
    return drawn.around(1 - groups / rows, groups / rows**2 - 1 / (rows * sizes), level).within(0, 1)


def deviation_interval(
    values: NDArray[np.float64], *, units: Units | None = None, level: float = 0.95
) -> Spread:
    """The interval of a standard deviation (divided by n) from leaving out each row, or from the influences
    of the rows of each of the `units`; none below 3 rows."""
    rows = len(values)
    if rows < 3:
        return NoInterval("an interval of a standard deviation needs 3 rows")
    if units is not None and not units.alone:
        deviation = float(values.std())
        if deviation == 0:
            return Interval(0.0, 0.0, level, "influence", 0.0)
        influence = (np.square(values - values.mean()) - deviation**2) / (2 * deviation * rows)
        return units.around(deviation, influence, level).at_least(0)
    centred = np.square(values - values.mean())
    # Without row i: n/(n − 1) of the mean square, less what the row and the mean's move take.
    left = (centred.sum() - centred * rows / (rows - 1)) / (rows - 1)
    without = np.sqrt(np.maximum(left, 0))
    return replace(delete_one_interval(float(values.std()), without, level=level).at_least(0), bias=None)


def quantile_interval(
    values: NDArray[np.float64], share: float, *, units: Units | None = None, level: float = 0.95
) -> Spread:
    """The interval of a quantile between two of the ordered values, by the binomial law of their ranks
    (Conover 1999, 3.2); none where so few rows have no such two. The standard error is that of a normal law
    with such limits. Of rows that were drawn in `units` the ranks' law is that of a share over units
    (Woodruff 1952)."""
    z = normal_quantile(level)
    if not len(values):
        return NoInterval("there are no rows")
    if units is not None and not units.alone:
        at = float(np.quantile(values, share))
        below = (values <= at).astype(np.float64)
        half = units.quantile(level) * units.error((below - below.mean()) / len(values))
        if not 0 < share - half < share + half < 1:
            return NoInterval(f"of {units.count} draws none is surely beyond that quantile")
        low, high = (float(limit) for limit in np.quantile(values, [share - half, share + half]))
        return Interval(low, high, level, "order_statistics", (high - low) / (2 * z))
    limits = quantile_test(values, p=share).confidence_interval(level)
    if not np.isfinite([limits.low, limits.high]).all():
        return NoInterval(f"of {len(values)} rows none is surely beyond that quantile")
    low, high = float(limits.low), float(limits.high)
    return Interval(low, high, level, "order_statistics", (high - low) / (2 * z))
