"""The nearest other rows of each row of a set, exactly, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import require_rows
from services.metrics.semantic.vectors import Vectors, require_finite

BLOCK = 512
"""Rows whose distances to all others are held at a time: 82 MB beside 20,000 others."""
RUN = 16
"""Neighbouring columns of which the least is found first: the k least of a row lie in the k runs whose own
least are least. So a row of 20,000 is searched in the time that it takes to read it."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Points:
    """n × d vectors in double precision, of which squared Euclidean distances are taken. Raises Unmeasurable
    for NaN (`nan_embeddings`)."""

    vectors: Floats

    @classmethod
    def of(cls, vectors: Vectors) -> Points:
        points = cls(np.asarray(vectors, np.float64))
        require_finite(points.vectors, points.norms)
        return points

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def norms(self) -> Floats:
        return np.asarray(np.einsum("ij,ij->i", self.vectors, self.vectors))

    def squared_to(self, rows: slice | Places, others: Points) -> Floats:
        """‖a − b‖² of these rows and all others, as ‖a‖² + ‖b‖² − 2a·b: one matrix product."""
        squared: Floats = self.vectors[rows] @ others.vectors.T
        squared *= -2
        squared += self.norms[rows][:, None]
        squared += others.norms
        return np.maximum(squared, 0, out=squared)

    def squared_between(self, rows: slice, others: slice) -> Floats:
        """The same of two runs of its own rows."""
        squared: Floats = self.vectors[rows] @ self.vectors[others].T
        squared *= -2
        squared += self.norms[rows][:, None]
        squared += self.norms[others]
        return np.maximum(squared, 0, out=squared)

    def blocks(self) -> Iterator[slice]:
        return (slice(start, start + BLOCK) for start in range(0, len(self), BLOCK))


@dataclass(frozen=True)
class Neighbours:
    """The `depth` nearest other rows of each of n rows, nearest first: their places and squared distances,
    both n × depth."""

    points: Points
    places: Places
    squared: Floats

    @classmethod
    def of(cls, points: Points, depth: int) -> Neighbours:
        """Fewer than `depth` where there are no more others. Needs two rows."""
        require_rows(len(points), 2, "A nearest neighbour")
        depth = min(depth, len(points) - 1)
        places, squared = np.empty((len(points), depth), np.int64), np.empty((len(points), depth))
        for rows in points.blocks():
            block = points.squared_to(rows, points)
            own = np.arange(len(block))
            block[own, rows.start + own] = np.inf
            places[rows] = smallest(block, depth)
            squared[rows] = np.take_along_axis(block, places[rows], axis=1)
        return cls(points, places, squared)

    def radii(self, k: int, kept: NDArray[np.bool_] | None = None) -> Floats:
        """The squared distance of each row to its k-th nearest other row, (n,); where only some rows are
        `kept`, to the k-th nearest of those. There must be so many."""
        if kept is None:
            return self.squared[:, k - 1]
        left = np.cumsum(kept[self.places], axis=1)
        found = np.take_along_axis(self.squared, (left >= k).argmax(axis=1)[:, None], axis=1)[:, 0]
        for row in np.flatnonzero(left[:, -1] < k):  # too many of its nearest are left out
            squared = self.points.squared_to(np.array([row]), self.points)[0]
            squared[row] = np.inf
            found[row] = np.partition(squared[kept], k - 1)[k - 1]
        return found


def smallest(values: Floats, count: int) -> Places:
    """The places of the `count` smallest values of each row, ascending."""
    rows, columns = values.shape
    if columns <= (count + 1) * RUN:
        return _sorted(values, count)
    whole = columns // RUN * RUN
    least = values[:, :whole].reshape(rows, -1, RUN).min(axis=2)
    runs = np.sort(np.argpartition(least, count - 1, axis=1)[:, :count], axis=1)
    places = (runs[:, :, None] * RUN + np.arange(RUN)).reshape(rows, -1)
    rest = np.broadcast_to(np.arange(whole, columns), (rows, columns - whole))
    places = np.concatenate([places, rest], axis=1)
    return np.take_along_axis(places, _sorted(np.take_along_axis(values, places, axis=1), count), axis=1)


def _sorted(values: Floats, count: int) -> Places:
    """The same for rows short enough to be partitioned whole."""
    least = np.argpartition(values, count - 1, axis=1)[:, :count]
    order = np.argsort(np.take_along_axis(values, least, axis=1), axis=1, kind="stable")
    return np.take_along_axis(least, order, axis=1)
