"""Rows joined into groups by pairs: union-find, mergeable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled


@compiled
def root(parents, row):
    """The first row of a row's group, halving the path to it."""
    while parents[row] != row:
        parents[row] = parents[parents[row]]
        row = parents[row]
    return row


@compiled
def unite(parents, left, right):
    """Join two rows' groups under the smaller first row."""
    left, right = root(parents, left), root(parents, right)
    if left < right:
        parents[right] = left
    else:
        parents[left] = right


@compiled
def unite_pairs(parents, lefts, rights):
    """Join the rows of each pair."""
    for pair in range(len(lefts)):
        unite(parents, lefts[pair], rights[pair])


@compiled
def all_roots(parents):
    """Point every row at the first of its group."""
    for row in range(len(parents)):
        parents[row] = root(parents, row)


@dataclass(frozen=True)
class Groups:
    """`first[i]` is the first row of row i's group: the row itself when it is alone or the first; (rows,)."""

    first: NDArray[np.int64]

    @classmethod
    def of(cls, rows: int, pairs: NDArray[np.int64]) -> Self:
        """The connected components of `pairs` (pairs, 2) among `rows` rows."""
        parents = np.arange(rows, dtype=np.int64)
        unite_pairs(parents, pairs[:, 0], pairs[:, 1])
        all_roots(parents)
        return cls(parents)

    def merge(self, other: Self) -> Self:
        """The groups of both sets of pairs over the same rows."""
        rows = np.arange(len(self.first))
        mine, others = np.stack([rows, self.first], axis=1), np.stack([rows, other.first], axis=1)
        return self.of(len(rows), np.concatenate([mine, others]))

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """Rows that come after another of their group: what de-duplication drops; (rows,)."""
        repeated: NDArray[np.bool_] = self.first != np.arange(len(self.first))
        return repeated

    @property
    def duplicates(self) -> int:
        """How many rows repeat an earlier one."""
        return int(self.repeated.sum())

    def members(self) -> list[list[int]]:
        """The rows of each group of two or more, in order."""
        found: dict[int, list[int]] = {}
        for row in np.flatnonzero(self.repeated).tolist():
            first = int(self.first[row])
            found.setdefault(first, [first]).append(row)
        return [found[first] for first in sorted(found)]
