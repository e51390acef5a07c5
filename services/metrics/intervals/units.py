"""What was drawn: rows that answer one prompt, and copies of one text, are one draw together.

Rows of one prompt are alike and copies say nothing new, so that intervals over rows would be too narrow.
Whole units are left out and resampled in place of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.duplicates.groups import Groups
from services.metrics.intervals.interval import Interval, normal_quantile
from services.metrics.intervals.jackknife import FEWEST, grouped

FEWEST_PROMPTS = 10
"""Prompts from which on intervals are over prompts. Fewer do not tell how others would differ (and Student's
t of three values is no help to anybody): intervals are then over what else these prompts could have been
answered with."""
Rows = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Units:
    """`of` (rows,) is the unit of each row, numbered from 0; `note` says what intervals take for a draw, and
    is empty where each row is one."""

    of: Rows
    note: str = ""
    by_key: bool = False
    """Whether different rows are one draw, not only copies of one."""

    @classmethod
    def singles(cls, rows: int) -> Units:
        """Each row is a draw."""
        return cls(np.arange(rows))

    @classmethod
    def found(cls, rows: int, keys: Sequence[str | None] | None, copies: Groups) -> Units:
        """Of rows that share a key, and of the copies of one text.

        `keys` names the prompt, context or other thing that a row came from, None for a row of its own. Fewer
        than ten of them are not what was drawn. Copies join units unless so few are left that nothing could
        be said of them: prompts, which they may join by chance, come first.
        """
        own, note, by_key = Groups(np.arange(rows)), "", False
        if keys is not None and (shared := _by_key(keys)).duplicates:
            drawn = rows - shared.duplicates
            if drawn >= FEWEST_PROMPTS:
                by_key, own, note = (
                    True,
                    shared,
                    f"rows of one prompt or context count as one draw: {drawn} of {rows} rows",
                )
            else:
                note = f"{drawn} prompts or contexts: of what else these could have given, not of others"
        joined = own.merge(copies)
        fewest = max(FEWEST, (rows - own.duplicates) // 4 if note else FEWEST)
        if copies.duplicates and rows - joined.duplicates >= fewest:
            left = rows - joined.duplicates
            own = joined
            note = "; ".join(
                part for part in (note, f"copies count as one draw: {left} draws in {rows} rows") if part
            )
        return cls(np.unique(own.first, return_inverse=True)[1].ravel().astype(np.int64), note, by_key)

    def __len__(self) -> int:
        """How many rows."""
        return len(self.of)

    @cached_property
    def count(self) -> int:
        """How many units."""
        return int(self.of.max(initial=-1)) + 1

    @property
    def alone(self) -> bool:
        """Whether each row is a draw."""
        return self.count == len(self.of)

    def take(self, rows: Rows) -> Units:
        """Of some of the rows."""
        of = np.unique(self.of[rows], return_inverse=True)[1].ravel().astype(np.int64)
        return Units(of, self.note, self.by_key)

    def sums(self, values: Floats) -> Floats:
        """The sum of each unit's values; (units,)."""
        if self.alone:
            return values
        return np.bincount(self.of, weights=values, minlength=self.count).astype(np.float64)

    def groups(self, groups: int, seed: int) -> list[Rows]:
        """The rows of each of up to `groups` random groups of units, for a jackknife; units are groups of
        their own where there are fewer than twice as many."""
        if self.alone:
            return grouped(len(self.of), groups, seed)
        wanted = groups if self.count >= 2 * groups else self.count
        group = np.empty(self.count, np.int64)
        for place, units in enumerate(grouped(self.count, wanted, seed)):
            group[units] = place
        by_row = group[self.of]
        return [np.flatnonzero(by_row == place) for place in range(wanted)]

    def error(self, influence: Floats) -> float:
        """The standard error of a sum of the rows' influences on a value: what the rows of a unit do is
        added up first (Liang and Zeger 1986). NaN for one unit."""
        sums = self.sums(influence)
        if len(sums) < 2:
            return float("nan")
        return float(np.sqrt(np.square(sums).sum() * len(sums) / (len(sums) - 1)))

    def quantile(self, level: float) -> float:
        """Student's t of a two-sided interval, with a degree of freedom less than there are units."""
        normal_quantile(level)
        return float(student.isf((1 - level) / 2, max(1, self.count - 1)))

    def around(self, value: float, influence: Floats, level: float) -> Interval:
        """value ± t·se, from the rows' influences on the value."""
        error = self.error(influence)
        half = self.quantile(level) * error
        return Interval(value - half, value + half, level, "influence", error)


def _by_key(keys: Sequence[str | None]) -> Groups:
    """Rows of one key."""
    first: dict[str, int] = {}
    return Groups(
        np.asarray(
            [row if key is None else first.setdefault(key, row) for row, key in enumerate(keys)], np.int64
        )
    )
