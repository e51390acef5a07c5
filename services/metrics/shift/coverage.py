"""How much of the real data the generated covers, and how much of the generated lies among the real.

By the nearest neighbours of embeddings. The neighbourhood of a row is the ball that reaches to its k-th
nearest row of its own side. With n real rows x, m generated rows y, and radii r of the real, s of the
generated ones,

    precision = share of y that lie in the neighbourhood of some x
    recall    = share of x that lie in the neighbourhood of some y
    density   = 1/(k·m) · how many pairs (x, y) have y in the neighbourhood of x
    coverage  = share of x in whose neighbourhood some y lies

Precision and recall: Kynkäänniemi et al. 2019 (1904.06991); density and coverage: Naeem et al. 2020
(2002.09797). As in the latter's package `prdc`, a ball is without its edge: of n rows measured against
themselves density is 1. One thing is ours: a real row with k copies or more has a neighbourhood of no
extent, and an equal generated row lies in it.

Without a shift density is expected to be 1, and coverage what `expected_coverage` says, whatever the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.neighbours import Floats, Neighbours, Places, Points
from services.metrics.semantic.vectors import Vectors, require_like

NEIGHBOURS = 5
"""What density and coverage were published with."""
SPARE = 16
"""Neighbours that are known beyond 2k, so that nearly every row finds k of them in its half."""
TIE = 1e-12
"""Squared distances of unit rows that differ by less are equal: rounding is about 1e-15."""

NAMES = ("coverage", "density", "knn_precision", "knn_recall")
Mask = NDArray[np.bool_]
Split = tuple[Mask, Mask]
"""Which rows of the real, and of the generated side are in the first half; the others are in the second."""


@dataclass(frozen=True)
class Coverage:
    """`values` by name. Of each real row: its nearest generated row (`nearest`, a place), how far that is
    (`distance`), how far its own k-th real neighbour (`radius`), and whether it is `covered`; all (n,), in
    Euclidean distance. `halves` has each value of the two halves of each split, (splits, 2)."""

    k: int
    values: Mapping[str, float]
    nearest: Places
    distance: Floats
    radius: Floats
    covered: Mask
    halves: Mapping[str, Floats] = field(default_factory=dict)

    def uncovered(self) -> Places:
        """Places of the real rows that nothing generated comes near, the furthest first."""
        rows = np.flatnonzero(~self.covered)
        return rows[np.argsort(-self.distance[rows], kind="stable")]


def coverage(
    real: Vectors, generated: Vectors, k: int = NEIGHBOURS, *, splits: Sequence[Split] = ()
) -> Coverage:
    """All four, exactly, in O((n² + nm + m²)·d) and blocks of 512 rows.

    With `splits` every value is also found between the first halves of both sides and between the second,
    each by itself. Raises Unmeasurable for a side, or a half, of k rows or fewer, sides of different
    dimensions, or NaN.
    """
    if k < 1:
        raise Unmeasurable("bad_neighbours", f"Neighbourhoods need k of at least 1, not {k}.", field="k")
    require_rows(len(real), k + 1, "Coverage of a reference")
    require_rows(len(generated), k + 1, "Coverage")
    require_like(real, generated)
    depth = 2 * k + SPARE if splits else k
    x, y = Neighbours.of(Points.of(real), depth), Neighbours.of(Points.of(generated), depth)
    whole = _Gathered.of(x, y, k)
    halves = [
        tuple(_Gathered.of(x, y, k, rows, columns) for rows, columns in (split, (~split[0], ~split[1])))
        for split in splits
    ]
    nearest, squared = np.zeros(len(real), np.int64), np.zeros(len(real))
    for rows in x.points.blocks():
        block = x.points.squared_to(rows, y.points)
        nearest[rows] = block.argmin(axis=1)
        squared[rows] = np.take_along_axis(block, nearest[rows, None], axis=1)[:, 0]
        for gathered in (whole, *(half for both in halves for half in both)):
            gathered.add(rows, block)
    found = [[half.values() for half in both] for both in halves]
    return Coverage(
        k=k,
        values=whole.values(),
        nearest=nearest,
        distance=np.sqrt(squared),
        radius=np.sqrt(x.radii(k)),
        covered=whole.covered,
        halves={name: np.array([[half[name] for half in both] for both in found]) for name in NAMES}
        if splits
        else {},
    )


def expected_coverage(real: int, generated: int, k: int) -> float:
    """The coverage that so many rows of one and the same distribution are expected to have: exactly, for any
    distribution without ties (Naeem et al. 2020, eq. 9).

    A real row is not covered when its k nearest of all other rows are real ones:
    1 − Π_{i<k} (n − 1 − i)/(n + m − 1 − i).
    """
    steps = np.arange(k)
    return float(1 - np.prod((real - 1 - steps) / (real + generated - 1 - steps)))


@dataclass(frozen=True)
class _Gathered:
    """What all four are made of, gathered block by block, for some rows of both sides as if there were no
    others: the edges of their neighbourhoods, the real rows `covered` and `recalled`, and of each generated
    row the real neighbourhoods that it is `inside` of."""

    k: int
    rows: Mask
    columns: Mask
    real_edges: Floats
    generated_edges: Floats
    covered: Mask
    recalled: Mask
    inside: NDArray[np.int64]

    @classmethod
    def of(
        cls, x: Neighbours, y: Neighbours, k: int, rows: Mask | None = None, columns: Mask | None = None
    ) -> _Gathered:
        for kept in (rows, columns):
            if kept is not None:
                require_rows(int(kept.sum()), k + 1, "Coverage of a half")
        n, m = len(x.points), len(y.points)
        return cls(
            k,
            np.ones(n, np.bool_) if rows is None else rows,
            np.ones(m, np.bool_) if columns is None else columns,
            _edges(x.radii(k, rows)),
            _edges(y.radii(k, columns)),
            np.zeros(n, np.bool_),
            np.zeros(n, np.bool_),
            np.zeros(m, np.int64),
        )

    def add(self, rows: slice, squared: Floats) -> None:
        """Take in the squared distances of these real rows to all generated ones."""
        places = np.arange(len(self.rows))[rows][self.rows[rows]]
        columns = np.flatnonzero(self.columns)
        if len(places) < len(squared) or len(columns) < len(self.columns):
            squared = squared[np.ix_(places - rows.start, columns)]
        inside = squared < self.real_edges[places, None]
        self.inside[columns] += inside.sum(axis=0)
        self.covered[places] = inside.any(axis=1)
        self.recalled[places] = (squared < self.generated_edges[columns]).any(axis=1)

    def values(self) -> dict[str, float]:
        inside = self.inside[self.columns]
        found = (
            self.covered[self.rows].mean(),
            inside.mean() / self.k,
            (inside > 0).mean(),
            self.recalled[self.rows].mean(),
        )
        return dict(zip(NAMES, map(float, found), strict=True))


def _edges(squared: Floats) -> Floats:
    """What a squared distance is below when a row lies in a neighbourhood of that squared radius."""
    return np.where(squared <= TIE, TIE, squared - TIE)
