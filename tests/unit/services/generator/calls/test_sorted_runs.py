"""The compact multimap is a multimap."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from services.generator.calls import sorted_runs
from services.generator.calls.sorted_runs import SortedRuns

pairs = st.lists(st.tuples(st.integers(0, 50) | st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1)))


@given(st.lists(pairs, max_size=6), pairs)
def test_it_finds_what_was_added_however_it_was_added(
    batches: list[list[tuple[int, int]]], singles: object
) -> None:
    runs, expected = SortedRuns(), defaultdict(list)
    for batch in batches:
        keys = np.array([key for key, _ in batch], np.uint64)
        runs.add_many(keys, np.array([value for _, value in batch], np.uint32))
        for key, value in batch:
            expected[key].append(value)
    for key, value in singles:  # type: ignore[attr-defined]
        runs.add(key, value)
        expected[key].append(value)
    for key, values in expected.items():
        assert sorted(runs.find(key)) == sorted(values)
    assert len(runs) == sum(map(len, expected.values()))


def test_spilling_keeps_everything_in_few_runs() -> None:
    runs = SortedRuns()
    count = 5 * sorted_runs.MEMTABLE + 17
    for key in range(count):
        runs.add(key * 2654435761 % 2**64, key)
    assert all(runs.find(key * 2654435761 % 2**64) == [key] for key in range(0, count, 97))
    assert len(runs._runs) <= 4
    assert runs.find(1) == []
