"""MMD² of 10,000 × 384 unit rows a side, with 500 relabellings, which no package gives in bounded memory.

That the value is the definition's is checked on the first 500 rows a side, with the whole kernel in memory.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.metrics.embeddings import Row, embeddings
from benchmarks.metrics.results import cpu_seconds
from services.metrics.shift.mmd import mmd

ROWS, FEW, DIMENSIONS = 10_000, 500, 384


def rows() -> Iterator[Row]:
    real, generated = (embeddings(ROWS, DIMENSIONS, seed).astype(np.float32) for seed in (1, 2))
    with threadpool_limits(1):
        seconds, _ = cpu_seconds(lambda: mmd(real, generated, seed=1))
    yield {
        "name": "mmd_10k",
        "peer": "",
        "peer_version": "",
        "ours": seconds,
        "theirs": None,
        "unit": "CPU s",
        "ratio": None,
        "equal": _equal(real[:FEW].astype(np.float64), generated[:FEW].astype(np.float64)),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def _equal(real: np.ndarray, generated: np.ndarray) -> bool:
    found = mmd(real, generated, permutations=19, seed=1)

    def kernel(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        squared = np.square(one[:, None] - other).sum(axis=2)
        return np.asarray(np.exp(-squared / (2 * found.bandwidth**2)))

    pairs = FEW * (FEW - 1)
    within = sum((kernel(side, side).sum() - FEW) / pairs for side in (real, generated))
    return bool(np.isclose(found.squared, within - 2 * kernel(real, generated).mean(), atol=1e-12))
