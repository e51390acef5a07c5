"""Jackknives: intervals of smooth measures that have no formula of their own.

By groups, when the measure must be computed again for each (`jackknife_interval`, `two_sided_interval`,
`rescaled_interval`); by single rows, when what each row changes is known in closed form
(`delete_one_interval`). None repeats a row, so that measures which fall when rows come twice (Self-BLEU,
compression, DCScore) are measured as they are; what they move with size is the same in every replicate and
cancels from the variance. The variance errs upwards (Efron and Stein 1981).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, NoInterval, Spread, normal_quantile
from services.metrics.problems import require_rows

GROUPS = 20
FEWEST = 4
"""Rows that an interval of one side's measure takes: fewer leave no groups to speak of."""
UNMOVED = (
    "it is the same whichever texts are left out: the texts do not tell how far from it others would lie"
)
Rows = NDArray[np.int64]
Floats = NDArray[np.float64]
Measure = Callable[[Rows], float]
MeasureOfTwo = Callable[[Rows, Rows], float]
"""Takes the row numbers to keep of the real and of the generated side."""


def jackknife_interval(
    measure: Measure, count: int, *, groups: int = GROUPS, level: float = 0.95, seed: int
) -> Interval:
    """The interval of `measure(all rows)` from leaving out one of `groups` seeded groups of rows at a time.

        se² = (g − 1)/g Σ (θ₍ᵢ₎ − θ̄)²,   bias = (g − 1)(θ̄ − θ)
        (Shao and Wu 1989, delete-d jackknife of disjoint groups)

    `measure` takes the row numbers to keep. It must be smooth in the rows (Fréchet distance, MMD, KL over a
    fixed codebook); for counts of distinct things use the lexical module's own intervals.
    """
    require_rows(count, 2, "A jackknife interval")
    without = _left_out(measure, np.arange(count), groups, seed)
    return _interval(measure(np.arange(count)), [without], level, seed)


def two_sided_interval(
    measure: MeasureOfTwo, real: int, generated: int, *, groups: int = GROUPS, level: float = 0.95, seed: int
) -> Interval:
    """The interval of a measure of two independent samples, of `real` and `generated` rows.

    Each side's groups are left out in turn while the other side stays whole; variances and biases add up.
    """
    require_rows(min(real, generated), 2, "A jackknife interval")
    whole_real, whole_generated = np.arange(real), np.arange(generated)
    without = (
        _left_out(lambda rows: measure(rows, whole_generated), whole_real, groups, seed),
        _left_out(lambda rows: measure(whole_real, rows), whole_generated, groups, seed),
    )
    return _interval(measure(whole_real, whole_generated), without, level, seed)


def two_sided_of_values(
    value: float, real: Sequence[float], generated: Sequence[float], *, level: float = 0.95, seed: int
) -> Interval:
    """The same from a value and what it is without each group of one side and of the other."""
    return _interval(value, (np.asarray(real), np.asarray(generated)), level, seed)


def affordable(sizes: Rows, most: int, seed: int) -> Rows:
    """Places, ascending, of rows drawn at random until the next would make them cost more than `most`; at
    least 20 where there are as many. `sizes` (rows,) is what each costs."""
    order = np.random.default_rng([seed, 2]).permutation(len(sizes))
    drawn = int(np.searchsorted(np.cumsum(sizes[order]), most, side="right"))
    return np.sort(order[: max(GROUPS, drawn)])


def rescaled_interval(
    measure: Measure,
    value: float,
    sample: int,
    count: int,
    *,
    parts: Sequence[Rows] | None = None,
    level: float = 0.95,
    seed: int,
) -> Spread:
    """The interval of a set's `value` at a bounded cost: the jackknife of a sample of its rows, rescaled.

    `measure` takes the places to keep of the `sample` rows that were drawn of the set's `count`. Their
    standard error is taken times √(sample/count), the rate of a mean of rows that bear on each other only
    little; with all rows drawn nothing is rescaled. None below 4 rows. `parts` are the places to leave out
    in turn, where rows are not drawn one by one: `sample` and `count` are then of what is.
    """
    if count < FEWEST:
        return NoInterval(f"an interval needs {FEWEST} rows and there are {count}")
    if parts is None:
        without = _left_out(measure, np.arange(sample), GROUPS, seed)
    else:
        places = np.arange(sum(len(part) for part in parts))
        without = np.asarray([measure(np.delete(places, part)) for part in parts])
    # What the jackknife would say of the bias is that at the sample's size.
    found = replace(_interval(value, [without], level, seed, np.sqrt(sample / count)), bias=None)
    if np.ptp(without) == 0:
        found = found.noting(UNMOVED)
    if sample == count:
        return found
    return found.noting(
        f"from {sample} of {count} rows, drawn at random: the standard error is rescaled by √(m/n)"
    )


def delete_one_interval(value: float, *without: Floats, level: float = 0.95) -> Interval:
    """The interval of `value` from its values without each single row; an array for each sample.

    se² = Σ over samples of (n − 1)/n Σ (θ₍ᵢ₎ − θ̄)²,   bias = Σ (n − 1)(θ̄ − θ)
    """
    error, bias = _error_and_bias(value, without)
    half = normal_quantile(level) * error
    return Interval(value - half, value + half, level, "delete_one_jackknife", error, bias=bias)


def _left_out(measure: Measure, rows: Rows, groups: int, seed: int) -> Floats:
    """The measure of the rows without each of up to `groups` random groups."""
    return np.asarray(
        [measure(np.sort(np.delete(rows, group))) for group in grouped(len(rows), groups, seed)]
    )


def grouped(count: int, groups: int, seed: int) -> list[Rows]:
    """Places 0 to count − 1 in up to `groups` random groups whose sizes differ by one at most."""
    order = np.random.default_rng(seed).permutation(count)
    groups = min(groups, count)
    return [order[start::groups] for start in range(groups)]


def _error_and_bias(value: float, samples: Sequence[Floats]) -> tuple[float, float]:
    variance = bias = 0.0
    for without in samples:
        groups = len(without)
        variance += (groups - 1) / groups * float(np.square(without - without.mean()).sum())
        bias += (groups - 1) * float(without.mean() - value)
    return float(np.sqrt(variance)), bias


def _interval(
    value: float, samples: Sequence[Floats], level: float, seed: int, scale: float = 1.0
) -> Interval:
    normal_quantile(level)
    error, bias = _error_and_bias(value, samples)
    error *= scale
    fewest = min(len(without) for without in samples)
    half = float(student.isf((1 - level) / 2, fewest - 1)) * error
    return Interval(
        value - half, value + half, level, "jackknife", error, replicates=fewest, seed=seed, bias=bias
    )
