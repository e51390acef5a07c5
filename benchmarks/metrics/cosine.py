"""Mean pairwise cosine distance of 10,000 × 384 unit rows beside scikit-learn, in float32 as models give
it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sklearn
from sklearn.metrics.pairwise import cosine_distances, cosine_similarity

from benchmarks.metrics.embeddings import Row, embeddings, row, side_by_side
from services.metrics.semantic.pairwise import mean_cosine_distance

ROWS, DIMENSIONS = 10_000, 384
PAIRS = ROWS * (ROWS - 1)


def rows() -> Iterator[Row]:
    """The mean over the matrix of distances; and, as a second peer, over the cheaper matrix of
    similarities."""
    vectors = embeddings(ROWS, DIMENSIONS).astype(np.float32)
    peers = {
        "mean_cosine_10k_vs_sklearn": lambda: cosine_distances(vectors).sum(dtype=np.float64) / PAIRS,
        "mean_cosine_10k_vs_sklearn_similarity": lambda: (
            1 - (cosine_similarity(vectors).sum(dtype=np.float64) - ROWS) / PAIRS
        ),
    }
    for name, call in peers.items():
        ours, value, theirs, expected = side_by_side(
            lambda: mean_cosine_distance(vectors), call, rounds=3, ours_per_round=70
        )
        equal = bool(np.isclose(value, float(expected), rtol=1e-6))
        yield row(name, "scikit-learn", sklearn.__version__, ours, theirs, equal=equal)
