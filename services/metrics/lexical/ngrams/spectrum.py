"""The frequency spectrum: how many n-grams occur once, twice, ...

Distinct-n, entropy, EAD and HD-D need no more of the counts than this. It is made of integers, so that
the values are the same to the last bit however the texts were divided into shards and slices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.ngrams.amounts import tally_keys, tally_one_table
from services.metrics.lexical.ngrams.partition import Entries
from services.metrics.lexical.ngrams.tables import ONE_TABLE

# Counts below this are tallied by position; the few above are sorted.
TALLIED = 1 << 16


@dataclass(frozen=True)
class Spectrum:
    """`kinds[i]` different n-grams occur `counts[i]` times each; counts ascend."""

    counts: NDArray[np.int64]
    kinds: NDArray[np.int64]

    @classmethod
    def of(cls, occurrences: NDArray[np.integer]) -> Self:
        """From the number of times each n-gram occurs."""
        tally = np.bincount(occurrences[occurrences < TALLIED], minlength=1)
        return cls.tallied(tally, occurrences[occurrences >= TALLIED])

    @classmethod
    def of_entries(cls, entries: Entries) -> Self:
        """Of the n-grams in some parts."""
        tally, common = tally_room(len(entries.keys))
        return cls.tallied(tally, common[: tally_keys(entries.keys, entries.starts, tally, common)])

    @classmethod
    def of_tokens(cls, hashes: NDArray[np.uint64]) -> Self | None:
        """Of single tokens; None where there are too many different ones for a table that stays in cache."""
        tally, common = tally_room(len(hashes))
        beyond = tally_one_table(hashes, ONE_TABLE, tally, common)
        return None if beyond < 0 else cls.tallied(tally, common[:beyond])

    @classmethod
    def tallied(cls, tally: NDArray[np.int64], common: NDArray[np.integer]) -> Self:
        """From how many n-grams occur 0, 1, 2, ... times, and the counts of those beyond the tally."""
        tally[0] = 0
        above, number = np.unique(common, return_counts=True)
        counts = np.flatnonzero(tally)
        return cls(
            np.concatenate([counts, above.astype(np.int64)]).astype(np.int64),
            np.concatenate([tally[counts], number]).astype(np.int64),
        )

    @property
    def total(self) -> int:
        """All occurrences."""
        return int(self.counts @ self.kinds)

    @property
    def distinct(self) -> int:
        """Different n-grams."""
        return int(self.kinds.sum())

    @property
    def once(self) -> int:
        """N-grams that occur once only (hapax legomena)."""
        return int(self.kinds[self.counts == 1].sum())

    def merge(self, other: Self) -> Self:
        """The spectrum of two *disjoint* sets of n-grams (two slices of the key space)."""
        counts, place = np.unique(np.concatenate([self.counts, other.counts]), return_inverse=True)
        kinds = np.zeros(len(counts), np.int64)
        np.add.at(kinds, place, np.concatenate([self.kinds, other.kinds]))
        return type(self)(counts, kinds)


def tally_room(entries: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An empty tally, and room for every count that can lie beyond it."""
    return np.zeros(TALLIED, np.int64), np.zeros(entries // TALLIED + 1, np.int64)
