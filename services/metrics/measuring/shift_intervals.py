"""Shifts measured again: without each group of draws, of relabelled rows, and at equal size.

Bins (of lengths, clusters, words) are fixed while groups are left out: the intervals cover the chance of
which texts were drawn, not that of where a codebook lies.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import Interval, NoInterval, Spread
from services.metrics.lexical import Value
from services.metrics.measuring.subject import Subject
from services.metrics.measuring.values import Estimator, measured
from services.metrics.shift.counted import Counted
from services.metrics.shift.replicates import (
    DRAWS,
    FEWEST_LABELLINGS,
    NoShiftSeen,
    Replicates,
    Shifts,
    seen,
    unequal,
)
from services.metrics.shift.sides import Sides
from shared.contracts.measurement import EqualSizeValue, MeasuredValue, NoShift

MOST_ROWS = 200_000
"""Rows of both sides up to which shifts are measured again."""
MOST_TOKENS = 5_000_000
"""Tokens of both sides up to which the shift of words is: every replicate is another pass over their
counts."""
FIXED_BINS = "of these bins: where other texts would have put them is not covered"
TWINS = (
    "rows of the two sides are twins ({across:.0%} have their nearest row on the other side, "
    "{expected:.0%} would by "
    "chance), and nothing says which belong together: name what rows came from (`group_by`, or `groups` and "
    "`reference_groups`), so that pairs are kept together"
)
"""Said in place of a test's number; see `shift/twins.py`."""
Labels = NDArray[np.int64]


class Remeasured:
    """Replicates of a family of shifts, or why there are none; values are told with what is known of them."""

    def __init__(self, sides: Sides, found: Replicates | str) -> None:
        self._sides = sides
        self._found = found

    @classmethod
    def of(cls, subject: Subject, sides: Sides, shifts: Shifts, *, why_not: str = "") -> Remeasured:
        """`shifts` measured again, unless there is a reason why not."""
        options = subject.options
        if not why_not and min(sides.sizes) < 2:
            why_not = "an interval of a shift needs 2 rows a side"
        if not why_not and len(sides) > MOST_ROWS:
            why_not = f"above {MOST_ROWS:,} rows of both sides there is no interval"
        if why_not:
            return cls(sides, why_not)
        found = Replicates.of(
            shifts, sides, relabellings=options.relabellings, level=options.level, seed=options.seed
        )
        return cls(sides, found)

    def told(
        self,
        name: str,
        shift: str,
        value: Value | float,
        estimator: Mapping[str, Estimator],
        *,
        most: float = math.inf,
        falls: bool = False,
        bins_fitted: bool = False,
        note: str = "",
    ) -> MeasuredValue:
        """The value of the family's `shift`, with its interval, floor and value at equal size. A measure that
        `falls` is smaller the larger the shift; `bins_fitted` are bins that other texts would have put
        elsewhere.
        """
        number = value.value if isinstance(value, Value) else value
        interval: Spread
        floor: NoShift | None = None
        if isinstance(self._found, str):
            interval = NoInterval(self._found)
        elif number is None or not math.isfinite(number):
            interval = NoInterval("there is no value")
        else:
            interval = self._found.interval(shift, number, 0.0, most)
            floor = told_floor(self._found.no_shift(shift, number, interval, falls=falls))
        if isinstance(interval, Interval) and bins_fitted:
            interval = interval.noting(FIXED_BINS)
        if isinstance(interval, Interval) and self._sides.units.note:
            interval = interval.noting(self._sides.units.note)
        return measured(
            name,
            value,
            estimator,
            interval,
            moves_with_size=True,
            no_shift=floor,
            equal_size=self._equal(shift),
            note="; ".join(part for part in (note, *notes_of(self._sides)) if part),
        )

    def _equal(self, shift: str) -> EqualSizeValue | None:
        if isinstance(self._found, str) or not math.isfinite(self._found.equal.get(shift, math.nan)):
            return None
        return EqualSizeValue(
            value=self._found.equal[shift],
            rows=min(self._sides.sizes),
            draws=DRAWS,
            seed=self._found.seed,
        )


def notes_of(sides: Sides) -> Iterator[str]:
    """What a reader must know of the sides' sizes before they believe a shift between them."""
    real, generated = sides.sizes
    if unequal(sides):
        yield f"{generated:,} rows against {real:,} of the reference: sides of different size differ more"


def at_equal_size(
    sides: Sides, measure: Callable[[Labels, Labels], float], seed: int
) -> EqualSizeValue | None:
    """The mean of a measure over cuts of the larger side; None where sides are of one size. `measure` takes
    the places of the rows of each side that are kept."""
    if not unequal(sides) or min(sides.sizes) < 2:
        return None
    real, _ = sides.sizes
    found = [
        measure(np.flatnonzero(kept[:real]), np.flatnonzero(kept[real:])) for kept in sides.cut(DRAWS, seed).T
    ]
    if not np.isfinite(found).all():
        return None
    return EqualSizeValue(value=float(np.mean(found)), rows=min(sides.sizes), draws=DRAWS, seed=seed)


def twins_told(subject: Subject) -> str:
    """Why a test on embeddings means nothing here: twins that no key tells of; empty where there are none."""
    if not subject.twins.found:
        return ""
    return TWINS.format(across=subject.twins.across, expected=subject.twins.expected)


def told_floor(found: NoShiftSeen | None) -> NoShift | None:
    """What no shift looks like, as the API tells it."""
    if found is None:
        return None
    return NoShift(
        median=found.median,
        percentile_95=found.limit,
        excess=found.excess,
        excess_low=found.low,
        excess_high=found.high,
        p_value=found.p_value,
        relabellings=found.relabellings,
        relabelled=found.by,
        seed=found.seed,
    )


def floor_of(
    subject: Subject,
    sides: Sides,
    value: float,
    relabelled: NDArray[np.float64],
    interval: Spread,
    *,
    falls: bool = False,
) -> NoShift | None:
    """The same from the values of relabelled rows, of a measure that `falls` as shift grows or rises."""
    options, by = subject.options, sides.relabelled_by
    return told_floor(
        seen(value, relabelled, interval, level=options.level, by=by, seed=options.seed, falls=falls)
        if len(relabelled) >= FEWEST_LABELLINGS
        else None
    )


def histogram(
    subject: Subject, sides: Sides, real: Labels, generated: Labels, smoothing: float
) -> Remeasured:
    """KL, reverse KL and JS between two sets of labelled rows (bins from 0), measured again."""
    counted = Counted.bins(np.concatenate([real, generated]))
    return Remeasured.of(subject, sides, lambda first, other: counted.divergences(first, other, smoothing))


def words(subject: Subject, smoothing: float) -> Remeasured:
    """KL and JS between the words of both sides, measured again, texts being what is drawn."""
    return _ngrams(subject, 1, lambda counted: partial(counted.divergences, smoothing=smoothing))


def word_pairs(subject: Subject) -> Remeasured:
    """JS between pairs of neighbouring words, measured again likewise."""
    return _ngrams(subject, 2, lambda counted: counted.jensen_shannon)


def _ngrams(subject: Subject, order: int, shifts: Callable[[Counted], Shifts]) -> Remeasured:
    if subject.size + subject.reference_lengths.total > MOST_TOKENS:
        many = f"above {MOST_TOKENS:,} tokens of both sides there is no interval"
        return Remeasured(subject.sides, many)
    real = subject.reference_tokens
    if not len(real.hashes) or not len(subject.tokens.hashes):
        return Remeasured(subject.sides, "one side holds no tokens")
    return Remeasured.of(subject, subject.sides, shifts(Counted.words(real, subject.tokens, order)))


def by_units(sides: Sides, interval: Interval) -> Interval:
    """The interval, saying what it took for a draw."""
    return interval.noting(sides.units.note) if sides.units.note else interval
