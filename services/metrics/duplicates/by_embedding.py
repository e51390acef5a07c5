"""Near-duplicates by embeddings: pairs of rows whose cosine similarity reaches a threshold.

Jaccard similarity of shingles falls fast when a word here and there is changed: each changed word ends three
shingles of three words. A row's embedding moves little. What a threshold takes for duplicates where there are
none is counted on rows that are known to differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.vectors import Vectors

THRESHOLD = 0.9
BLOCK = 1024
ROUNDING = 1e-6
"""Of cosines in single precision: equal rows reach a threshold of 1."""
MOST_PAIRS = 20_000_000


@dataclass(frozen=True)
class NearPairs:
    """`pairs` (pairs, 2) of rows, the earlier first, and the `cosines` of each."""

    pairs: NDArray[np.int64]
    cosines: NDArray[np.float32]

    def counts(self, rows: int) -> NDArray[np.int64]:
        """How many pairs each of so many rows is in."""
        return np.bincount(self.pairs.ravel(), minlength=rows)


def pairs_within(vectors: Vectors, threshold: float = THRESHOLD) -> NearPairs:
    """Every pair of n × d unit rows with a cosine of at least `threshold`, exactly, a block at a time.

    Raises Unmeasurable (`too_many_pairs`) for more than 20 million: nearly all rows are then as near.
    """
    require_rows(len(vectors), 1, "Near-duplicates by embedding")
    found = [np.zeros((0, 2), np.int64)]
    cosines = [np.zeros(0, np.float32)]
    total = 0
    for pairs, values in _blocks(vectors, threshold - ROUNDING):
        total += len(pairs)
        if total > MOST_PAIRS:
            raise Unmeasurable(
                "too_many_pairs",
                f"More than {MOST_PAIRS:,} pairs of rows have a cosine of {threshold} or more: this "
                "embedding finds nearly all rows alike; ask for a higher threshold.",
                field="embedding_duplicate_similarity",
            )
        found.append(pairs)
        cosines.append(values)
    return NearPairs(np.concatenate(found), np.concatenate(cosines))


def _blocks(vectors: Vectors, threshold: float) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK] @ vectors[start:].T
        rows, columns = np.nonzero(block >= threshold)
        later = columns > rows
        rows, columns = rows[later], columns[later]
        yield np.stack([rows, columns], axis=1) + start, block[rows, columns].astype(np.float32)
