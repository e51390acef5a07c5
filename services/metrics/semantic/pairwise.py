"""Mean distance between pairs of texts.

The mean leaves out each text's distance of zero to itself (the `diversity` package and the original
remote-clique average it in, which makes small datasets look less diverse).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.moments import Moments, sum_of_rows
from services.metrics.semantic.vectors import Vectors, require_finite

BLOCK = 1024
Distance = Literal["cosine", "angular", "euclidean"]

_FROM_COSINE: dict[str, Callable[[Vectors], Vectors]] = {
    "cosine": lambda cosine: 1 - cosine,
    "angular": lambda cosine: np.arccos(cosine) / np.pi,
    "euclidean": lambda cosine: np.sqrt(2 - 2 * cosine),
}


def mean_cosine_distance(vectors: Vectors) -> float:
    """Mean of 1 − cos over all pairs of n × d unit rows, in one pass: 1 − (‖Σx‖² − n) / (n(n − 1)).

    "Synthetic Eggs in Many Baskets" (2511.01490) calls it semantic diversity. Needs two rows.
    """
    return _mean_cosine_distance(len(vectors), sum_of_rows(vectors))


def mean_cosine_distance_of_moments(moments: Moments) -> float:
    """The same from a (merged) state of unit rows."""
    return _mean_cosine_distance(moments.count, moments.total)


def _mean_cosine_distance(count: int, total: Vectors) -> float:
    require_rows(count, 2, "The mean pairwise distance")
    return float(np.clip(1 - (total @ total - count) / (count * (count - 1)), 0, 2))


def remote_clique(vectors: Vectors, distance: Distance = "angular") -> float:
    """Remote-clique: the mean over texts of the mean distance to the others, O(n²d) in blocks.

    Cox et al., "Directed Diversity" (2101.06030). By cosine it equals `mean_cosine_distance`.
    """
    return float(distances_to_others(vectors, distance).mean())


def distances_to_others(
    vectors: Vectors, distance: Distance = "angular", *, at_once: int = BLOCK
) -> NDArray[np.float64]:
    """Each row's mean distance to the others, (n,). Needs two rows."""
    count = len(vectors)
    require_rows(count, 2, "Remote-clique")
    sums = [block.sum(axis=1, dtype=np.float64) for block in _distances(vectors, distance, at_once, 0.0)]
    own = np.concatenate(sums) / (count - 1)
    require_finite(vectors, own)
    return own


def chamfer(vectors: Vectors, distance: Distance = "angular") -> float:
    """Chamfer distance: the mean over texts of the distance to the nearest other. 0 when each has a twin."""
    require_rows(len(vectors), 2, "The Chamfer distance")
    total = sum(
        float(block.min(axis=1).sum(dtype=np.float64)) for block in _distances(vectors, distance, BLOCK, 9.0)
    )
    require_finite(vectors, np.asarray(total))
    return total / len(vectors)


def chamfer_without_each(
    vectors: Vectors, distance: Distance = "angular", *, at_once: int = BLOCK
) -> NDArray[np.float64]:
    """The Chamfer distance of the rows without row j, for each j: (n,). Needs three rows.

    Without j its own distance is gone, and rows whose nearest it was have their second nearest.
    """
    count = len(vectors)
    require_rows(count, 3, "The Chamfer distance without each row")
    own, change = np.zeros(count), np.zeros(count)
    start = 0
    for block in _distances(vectors, distance, at_once, 9.0):
        rows = np.arange(start, start + len(block))
        two = np.argpartition(block, 1, axis=1)[:, :2]
        ends = np.take_along_axis(block, two, axis=1).astype(np.float64)
        nearest = ends.argmin(axis=1)
        own[rows] = ends.min(axis=1)
        np.add.at(change, two[np.arange(len(block)), nearest], np.ptp(ends, axis=1))
        start += len(block)
    require_finite(vectors, own)
    return np.asarray((own.sum() - own + change) / (count - 1))


def _distances(vectors: Vectors, distance: Distance, at_once: int, diagonal: float) -> Iterator[Vectors]:
    if distance not in _FROM_COSINE:
        raise Unmeasurable(
            "bad_distance", f"Distances are {', '.join(_FROM_COSINE)}, not {distance}.", field="distance"
        )
    for start in range(0, len(vectors), at_once):
        cosines = np.clip(vectors[start : start + at_once] @ vectors.T, -1, 1)
        block = _FROM_COSINE[distance](cosines)
        rows = np.arange(len(block))
        block[rows, start + rows] = diagonal
        yield block
