"""MinHash candidates, for when an exact join would compare too many pairs.

Signatures of 128 values by `rensa`, in 32 bands of 4: a pair with Jaccard 0.7 shares a band with
probability 1 - (1 - 0.7⁴)³² > 0.9998. In each band a document is compared, exactly, with the first of its
bucket only, so that the work is linear in the documents: every pair reported is one, and some are missed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.metrics.duplicates.join import common
from services.metrics.duplicates.shingles import ShingleSets
from services.metrics.lexical.compiled import compiled

PERMUTATIONS = 128
BANDS = 32
METHOD = f"MinHash, {PERMUTATIONS} permutations in {BANDS} bands; candidates checked exactly"


@compiled
def verify(sizes, starts, shingles, lefts, rights, threshold, scores):
    """The Jaccard score of each pair (0 below the threshold)."""
    for pair in range(len(lefts)):
        left, right = lefts[pair], rights[pair]
        total = sizes[left] + sizes[right]
        shared = common(shingles, starts[left], starts[left + 1], starts[right], starts[right + 1], 0)
        score = shared / (total - shared)
        scores[pair] = score if score >= threshold else 0.0


def minhash_pairs(
    sets: ShingleSets, threshold: float, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pairs (pairs, 2) that reach the threshold, each with its exact score; not all of them."""
    documents = np.flatnonzero(np.diff(sets.starts))
    pairs = np.concatenate([_with_first(band, documents) for band in _bands(sets, documents, seed)])
    pairs = np.unique(pairs, axis=0)
    scores = np.zeros(len(pairs))
    verify(sets.sizes, sets.starts, sets.shingles, pairs[:, 0], pairs[:, 1], threshold, scores)
    return pairs[scores > 0], scores[scores > 0]


def _bands(sets: ShingleSets, documents: NDArray[np.int64], seed: int) -> list[NDArray[np.void]]:
    """For each band, every document's part of its signature."""
    from rensa import RMinHash  # type: ignore[import-untyped]

    counts = np.diff(sets.starts)[documents]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(
        sets.shingles.astype(np.uint64), offsets, PERMUTATIONS, seed
    )
    signatures = np.array(matrix.to_rows(), np.uint32)
    width = PERMUTATIONS // BANDS
    kind = np.dtype((np.void, 4 * width))
    return [
        np.ascontiguousarray(signatures[:, k : k + width]).view(kind)[:, 0]
        for k in range(0, PERMUTATIONS, width)
    ]


def _with_first(band: NDArray[np.void], documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each document with the first one that has the same band."""
    _, first, bucket = np.unique(band, return_index=True, return_inverse=True)
    pairs: NDArray[np.int64] = np.stack([documents[first[bucket]], documents], axis=1)
    others: NDArray[np.int64] = pairs[pairs[:, 0] != pairs[:, 1]]
    return others
