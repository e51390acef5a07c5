"""Precision, recall, density and coverage: 20,000 × 384 unit rows a side, and 2,000 beside `prdc`.

`prdc` holds whole matrices of distances: 20,000 a side take it 10 GB, so that it is measured on 2,000; there
both count the same rows. Its default is taken: Euclidean distances by scikit-learn, on one thread.
"""

from __future__ import annotations

import contextlib
import io
import resource
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
from prdc import compute_prdc
from threadpoolctl import threadpool_limits

from benchmarks.metrics.embeddings import Row, embeddings, row, side_by_side
from benchmarks.metrics.results import cpu_seconds
from services.metrics.shift.coverage import NAMES, coverage

K, DIMENSIONS = 5, 384
FEW, MANY = 2000, 20_000
THEIRS = ("coverage", "density", "precision", "recall")


def rows() -> Iterator[Row]:
    """float64 on both sides for the few; single precision, as embeddings are kept, for the many."""
    real, generated = embeddings(FEW, DIMENSIONS, 1), embeddings(FEW, DIMENSIONS, 2)
    ours, value, theirs, expected = side_by_side(
        lambda: coverage(real, generated, K).values,
        lambda: _quietly(real, generated),
        rounds=5,
        ours_per_round=2,
    )
    pairs = zip(NAMES, THEIRS, strict=True)
    equal = all(np.isclose(value[name], expected[other], atol=1e-12) for name, other in pairs)
    yield row("coverage_2k_vs_prdc", "prdc", version("prdc"), ours, theirs, equal=equal)

    real, generated = (embeddings(MANY, DIMENSIONS, seed).astype(np.float32) for seed in (1, 2))
    with threadpool_limits(1):
        seconds, found = cpu_seconds(lambda: coverage(real, generated, K))
    yield {
        "name": "coverage_20k",
        "peer": "",
        "peer_version": "",
        "ours": seconds,
        "theirs": None,
        "unit": "CPU s",
        "ratio": None,
        "equal": bool(0 < found.values["coverage"] < 1),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
    }


def _quietly(real: Any, generated: Any) -> dict[str, float]:
    """`prdc` prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        found: dict[str, float] = compute_prdc(real, generated, K)
    return found
