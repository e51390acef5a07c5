"""Vendi score of 10,000 × 384 unit rows beside the `vendi-score` package, both ways it has.

`score_X` decomposes the n × n kernel; `score_dual` the d × d one, which is what ours does too: parity is
the best that can be had there without giving up digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
from vendi_score import vendi as peer

from benchmarks.metrics.embeddings import Row, embeddings, row, side_by_side
from services.metrics.semantic.vendi import vendi

ROWS, DIMENSIONS = 10_000, 384


def rows() -> Iterator[Row]:
    """float64 on both sides, the same array, rows already of length 1."""
    vectors = embeddings(ROWS, DIMENSIONS)
    peers: dict[str, tuple[Any, int]] = {
        "vendi_10k_vs_score_dual": (lambda: peer.score_dual(vectors, normalize=False), 1),
        "vendi_10k_vs_score_x": (lambda: peer.score_X(vectors, normalize=False), 20),
    }
    for name, (call, ours_per_peer) in peers.items():
        rounds = 40 if ours_per_peer == 1 else 1
        ours, value, theirs, expected = side_by_side(
            lambda: vendi(vectors), call, rounds=rounds, ours_per_round=ours_per_peer
        )
        equal = bool(np.isclose(value, float(expected), rtol=1e-9))
        yield row(name, "vendi-score", version("vendi-score"), ours, theirs, equal=equal)
