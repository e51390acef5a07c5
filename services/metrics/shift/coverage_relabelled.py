"""Coverage and its kin of one pool of rows under many labellings: what they are where nothing has shifted.

The nearest neighbours of the pool do not change with the labels. A generated row lies in a real row's
neighbourhood when it stands in the real row's list of neighbours before the k-th real one. So one list for
each row of the pool serves every labelling, where it is long enough to hold k rows of each side.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from services.metrics.semantic.neighbours import Floats, Neighbours, Places, Points
from services.metrics.semantic.vectors import Vectors
from services.metrics.shift.coverage import NAMES

Mask = NDArray[np.bool_]


def relabelled_coverage(pooled: Vectors, generated: Mask, k: int) -> dict[str, Floats]:
    """Each value by name, (labellings,). `generated` (rows, labellings) says which rows of the pool are taken
    for generated ones; all labellings have about as many.

    Equal to `coverage` of the two sides but for rows at equal distances, and for a side so rare in a row's
    list that it has not k there: the list is then taken for all that lies near.
    """
    lists = Neighbours.of(Points.of(pooled), depth_for(len(pooled), int(generated[:, 0].sum()), k)).places
    found = [_values(lists, labels, k) for labels in generated.T]
    return {name: np.array([values[place] for values in found]) for place, name in enumerate(NAMES)}


def depth_for(rows: int, generated: int, k: int) -> int:
    """How many neighbours hold k of the rarer side, four standard deviations to spare."""
    rarer = min(generated, rows - generated) / rows
    return min(rows - 1, math.ceil((k + 4 * math.sqrt(k) + 4) / max(rarer, 1 / rows)))


def _values(lists: Places, generated: Mask, k: int) -> tuple[float, float, float, float]:
    """Coverage, density, precision and recall of one labelling, in the order of NAMES."""
    own = generated[lists] == generated[:, None]
    within = ~own & (np.cumsum(own, axis=1) < k)  # of the other side, before the k-th of one's own
    real = ~generated
    covering, recalling = lists[real][within[real]], lists[generated][within[generated]]
    count = int(generated.sum())
    return (
        float(within[real].any(axis=1).mean()),
        len(covering) / (k * count),
        len(np.unique(covering)) / count,
        len(np.unique(recalling)) / int(real.sum()),
    )
