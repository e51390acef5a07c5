"""Groups are connected components, and merge."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from services.metrics.duplicates.groups import Groups

ROWS = 12
edges = st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(0, ROWS - 1)), max_size=15)


def pairs(found: list[tuple[int, int]]) -> np.ndarray:
    return np.array(found, np.int64).reshape(-1, 2)


@given(edges)
def test_equal_to_scipys_components(found: list[tuple[int, int]]) -> None:
    groups = Groups.of(ROWS, pairs(found))
    left, right = pairs(found).T
    graph = coo_array((np.ones(len(found)), (left, right)), (ROWS, ROWS))
    count, labels = connected_components(graph, directed=False)
    assert groups.first.tolist() == [labels.tolist().index(label) for label in labels]
    assert groups.duplicates == ROWS - count
    assert sorted(map(len, groups.members())) == sorted(n for n in np.bincount(labels) if n > 1)


@given(edges, edges)
def test_groups_of_two_sets_of_pairs_merge(some: list[tuple[int, int]], more: list[tuple[int, int]]) -> None:
    merged = Groups.of(ROWS, pairs(some)).merge(Groups.of(ROWS, pairs(more)))
    assert merged.first.tolist() == Groups.of(ROWS, pairs(some + more)).first.tolist()
