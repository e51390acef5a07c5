"""What the benchmarks on embeddings share: the rows, the clock, and the form of a result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from services.metrics.semantic.vectors import unit_rows

Row = dict[str, Any]


def embeddings(count: int, dimensions: int, seed: int = 0) -> NDArray[np.float64]:
    """Unit rows around an uneven mean, as sentence embeddings lie: cosines about 0.1."""
    random = np.random.default_rng(seed)
    return np.asarray(unit_rows(random.normal(size=(count, dimensions)) + 0.3), np.float64)


def side_by_side(
    ours: Callable[[], Any], theirs: Callable[[], Any], *, rounds: int, ours_per_round: int
) -> tuple[float, Any, float, Any]:
    """(our least CPU time, our value, theirs, their value) on one thread.

    The two take turns, so that whatever else the machine does meanwhile slows both.
    """
    times: tuple[list[float], list[float]] = ([], [])
    values: list[Any] = [None, None]
    with threadpool_limits(1):
        for _ in range(rounds):
            for side, call, repeats in ((0, ours, ours_per_round), (1, theirs, 1)):
                for _ in range(repeats):
                    start = time.process_time()
                    values[side] = call()
                    times[side].append(time.process_time() - start)
    return min(times[0]), values[0], min(times[1]), values[1]


def row(name: str, peer: str, peer_version: str, ours: float, theirs: float, *, equal: bool) -> Row:
    """A line of the result file."""
    return {
        "name": name,
        "peer": peer,
        "peer_version": peer_version,
        "ours": ours,
        "theirs": theirs,
        "unit": "CPU s",
        "ratio": theirs / ours,
        "equal": equal,
    }
