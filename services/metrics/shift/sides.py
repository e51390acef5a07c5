"""The two sides of a shift as one pool of rows: what may change its label, and what is left out together.

Where no shift is, nothing but chance says which side a row stands on. Relabelling keeps what is not chance:
rows of one unit (a prompt, a context, copies of one text) that all stand on one side change it together, and
rows of a unit that stands on both sides change places within it only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.jackknife import GROUPS
from services.metrics.intervals.units import Units

Rows = NDArray[np.int64]
Labels = NDArray[np.bool_]
Relabelled = Literal["rows", "groups", "pairs"]


@dataclass(frozen=True)
class Sides:
    """`generated` (rows,) is true for the rows of the dataset; those of the reference come first. `units`
    are of all rows, so that one unit may stand on both sides."""

    generated: Labels
    units: Units

    @classmethod
    def of(cls, real: int, generated: int, units: Units | None = None) -> Sides:
        return cls(np.arange(real + generated) >= real, units or Units.singles(real + generated))

    def __len__(self) -> int:
        return len(self.generated)

    @property
    def sizes(self) -> tuple[int, int]:
        """Rows of the reference and of the dataset."""
        generated = int(self.generated.sum())
        return len(self.generated) - generated, generated

    @cached_property
    def paired(self) -> Labels:
        """Rows whose unit stands on both sides; (rows,)."""
        unit, count = self.units.of, self.units.count
        generated = np.bincount(unit[self.generated], minlength=count)
        both: Labels = (generated > 0) & (np.bincount(unit[~self.generated], minlength=count) > 0)
        return both[unit]

    @property
    def relabelled_by(self) -> Relabelled:
        """What changes labels: rows, whole groups of them, or rows within pairs."""
        return "pairs" if self.paired.any() else "rows" if self.units.alone else "groups"

    def take(self, rows: Rows) -> Sides:
        """Of some of the rows."""
        return Sides(self.generated[rows], self.units.take(rows))

    def relabelled(self, count: int, random: np.random.Generator, strata: Rows | None = None) -> Labels:
        """`count` labellings as likely as the one that is, were there no shift; (rows, count). Units that
        stand on one side change labels within `strata` (rows,) only, which must not part a unit."""
        strata = np.zeros(len(self), np.int64) if strata is None else strata
        if self.units.alone:
            return _shuffled(self.generated, strata, count, random)
        found = np.empty((len(self), count), np.bool_)
        paired, unit = self.paired, self.units.of
        found[paired] = _shuffled(self.generated[paired], unit[paired], count, random)
        units, first, of = np.unique(unit[~paired], return_index=True, return_inverse=True)
        if len(units):
            rows = np.flatnonzero(~paired)[first]
            found[~paired] = _shuffled(self.generated[rows], strata[rows], count, random)[of.ravel()]
        return found

    def left_out(self, seed: int, groups: int = GROUPS) -> tuple[Labels, tuple[int, ...]]:
        """Which rows are kept when each group of units is left out in turn, (rows, replicates), and how many
        replicates there are of each sample: of each side, or of both at once where units stand on both."""
        if self.paired.any():
            samples = [self.units.groups(groups, seed)]
        else:
            samples = []
            for side in (~self.generated, self.generated):
                rows = np.flatnonzero(side)
                samples.append([rows[group] for group in self.units.take(rows).groups(groups, seed)])
        counts = tuple(len(sample) for sample in samples)
        kept = np.ones((len(self), sum(counts)), np.bool_)
        for place, rows in enumerate(group for sample in samples for group in sample):
            kept[rows, place] = False
        return kept, counts

    def cut(self, draws: int, seed: int) -> Labels:
        """Rows kept when the larger side is cut at random to the size of the smaller; (rows, draws)."""
        random = np.random.default_rng([seed, 4])
        kept = np.ones((len(self), draws), np.bool_)
        real, generated = self.sizes
        larger = np.flatnonzero(self.generated if generated > real else ~self.generated)
        for draw in range(draws):
            kept[random.permutation(larger)[min(real, generated) :], draw] = False
        return kept


def _shuffled(labels: Labels, strata: Rows, count: int, random: np.random.Generator) -> Labels:
    """Labels in random order within their strata; (rows, count)."""
    found = np.empty((len(labels), count), np.bool_)
    order = np.argsort(strata, kind="stable")
    ordered, places = labels[order], strata.astype(np.float64)
    for column in range(count):
        # Strata are whole numbers: a part below one shuffles inside each.
        found[np.argsort(places + random.random(len(labels))), column] = ordered
    return found
