"""Refuses rows that are nearly the same as one accepted before.

MinHash (Broder 1997): over the word trigrams of a row, 64 permutations, of which the lowest values estimate
the Jaccard similarity (standard error √(J(1−J)/64): 0.05 at J = 0.8). Bands of 4 find the rows worth
comparing: a pair at J = 0.8 is missed with probability (1 − 0.8⁴)¹⁶ = 0.0002, one at 0.5 with 0.36. Held for
each row: 256 bytes of signature and 16 × 12 bytes of index, so a million rows take about 0.45 GB.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.generator.calls.sorted_runs import SortedRuns
from services.generator.engine.filters.shingles import shingle_hashes
from services.generator.engine.stage import Draft, Filter, Refusal, Reject
from shared.text.shingles import Tokenised

PERMUTATIONS = 64
BAND = 4
SHINGLE = 3
_RNG = np.random.Generator(np.random.PCG64(20250619))
_MULTIPLY = (_RNG.integers(0, 2**63, PERMUTATIONS, dtype=np.uint64) << np.uint64(1)) | np.uint64(1)
_ADD = _RNG.integers(0, 2**63, PERMUTATIONS, dtype=np.uint64)
_BAND_MIX = (_RNG.integers(0, 2**63, BAND, dtype=np.uint64) << np.uint64(1)) | np.uint64(1)
_BAND_NUMBER = np.arange(PERMUTATIONS // BAND, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)

Signature = NDArray[np.uint32]


def signature(text: str) -> Signature:
    """64 minima of random permutations of the text's shingles."""
    hashes = shingle_hashes(Tokenised.of(text), SHINGLE)
    lowest: NDArray[np.uint64] = ((hashes[:, None] * _MULTIPLY + _ADD) >> np.uint64(32)).min(axis=0)
    return lowest.astype(np.uint32)


def similarity(a: Signature, b: Signature) -> float:
    """The estimated Jaccard similarity: the share of equal minima."""
    return float(np.count_nonzero(a == b)) / PERMUTATIONS


def _bands(signatures: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """Band keys: (rows, 64) → (rows, 16)."""
    grouped = signatures.astype(np.uint64).reshape(len(signatures), -1, BAND)
    mixed: NDArray[np.uint64] = (grouped * _BAND_MIX).sum(axis=2, dtype=np.uint64) + _BAND_NUMBER
    return mixed ^ (mixed >> np.uint64(31))


class NearDuplicateFilter(Filter):
    """Refuses a draft whose estimated similarity with an accepted row is at least `threshold`."""

    remembers = True

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._signatures = np.empty((1024, PERMUTATIONS), np.uint32)
        self._count = 0
        self._kept = 0
        self._index = SortedRuns()
        self._judged: Signature | None = None

    def judge(self, draft: Draft) -> Reject | None:
        self._judged = signature(draft.text)
        bands = _bands(self._judged[None])[0]
        rows = {row for band in bands.tolist() for row in self._index.find(band)}
        for row in rows:
            like = similarity(self._signatures[row], self._judged)
            if like >= self._threshold:
                detail = f"similarity {like:.2f} with accepted row {row} (limit {self._threshold:g})"
                return Reject(Refusal.NEAR_DUPLICATE, detail, draft.text, draft.origin)
        return None

    def accepted(self, draft: Draft) -> None:
        assert self._judged is not None, "a draft is judged before it is accepted"
        self._hold(self._judged[None])
        for band in _bands(self._judged[None])[0].tolist():
            self._index.add(band, self._count - 1)

    def _hold(self, signatures: NDArray[np.uint32]) -> None:
        while self._count + len(signatures) > len(self._signatures):
            self._signatures = np.concatenate([self._signatures, np.empty_like(self._signatures)])
        self._signatures[self._count : self._count + len(signatures)] = signatures
        self._count += len(signatures)

    def take_state(self) -> bytes:
        fresh = self._signatures[self._kept : self._count]
        self._kept = self._count
        return fresh.tobytes()

    def load_state(self, states: Sequence[bytes]) -> None:
        loaded = np.frombuffer(b"".join(states), np.uint32).reshape(-1, PERMUTATIONS)
        self._hold(loaded)
        self._kept = self._count
        rows = np.repeat(np.arange(len(loaded), dtype=np.uint32), PERMUTATIONS // BAND)
        self._index.add_many(_bands(loaded).ravel(), rows)
