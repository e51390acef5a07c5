"""Twins across the sides: rows that are nearer to a row of the other side than chance allows.

Answers of two models to one prompt, and paraphrases of a row, are such twins. Where no key says which belong
together, a held-out row's twin has been trained on with the other label, relabelling parts them, and tests
of shift say "less than none". Of sides that differ fewer rows than chance has it have their nearest row on
the other side (Schilling 1986, Henze 1988), so that more of them can be nothing but twins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from services.metrics.semantic.vectors import Vectors
from services.metrics.shift.sides import Sides

MOST_ROWS = 2000
"""Rows of which the nearest other row is looked for: a seeded sample of more."""
SURE = 5.0
"""Standard deviations above what relabelled rows have, from which twins are told: once in millions of
tries."""
RELABELLINGS = 199
BLOCK = 1024


@dataclass(frozen=True)
class Twins:
    """`across` is the share of rows whose nearest row is on the other side; `expected` what it is of
    relabelled rows, with its standard deviation."""

    across: float
    expected: float
    deviation: float

    @property
    def found(self) -> bool:
        return self.across > self.expected + SURE * self.deviation


def twins(vectors: Vectors, sides: Sides, *, seed: int, most_rows: int = MOST_ROWS) -> Twins:
    """How many of the unit rows (reference first) have their nearest row, of another unit, on the other
    side."""
    random = np.random.default_rng([seed, 7])
    rows = np.arange(len(vectors))
    if len(rows) > most_rows:
        rows = np.sort(random.choice(rows, most_rows, replace=False))
    nearest = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        near = vectors[part] @ vectors.T
        near[sides.units.of[part][:, None] == sides.units.of[None, :]] = -np.inf
        nearest[start : start + BLOCK] = near.argmax(axis=1)
    labels = sides.relabelled(RELABELLINGS, random)
    chance = (labels[rows] != labels[nearest]).mean(axis=0)
    across = float((sides.generated[rows] != sides.generated[nearest]).mean())
    return Twins(across, float(chance.mean()), float(chance.std()))
