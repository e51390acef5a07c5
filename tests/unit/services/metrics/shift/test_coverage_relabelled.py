"""One list of neighbours serves every labelling: each has the values of its two sides."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.shift.coverage import coverage, expected_coverage
from services.metrics.shift.coverage_relabelled import depth_for, relabelled_coverage
from tests.unit.services.metrics.shift.test_coverage import cloud


@given(st.integers(10, 40), st.integers(10, 40), st.integers(1, 4), st.integers(0, 1000))
@settings(max_examples=30)
def test_each_labelling_has_the_values_of_its_sides(n: int, m: int, k: int, seed: int) -> None:
    pooled = np.concatenate([cloud(n, seed), cloud(m, seed + 1, 0.5)])
    random = np.random.default_rng(seed)
    labels = np.stack([random.permutation(np.arange(n + m) >= n) for _ in range(3)], axis=1)
    found = relabelled_coverage(pooled, labels, k)
    if depth_for(n + m, m, k) < n + m - 1:
        return  # a list may be too short here; the next test says how seldom that shows
    for place, generated in enumerate(labels.T):
        values = coverage(pooled[~generated], pooled[generated], k).values
        assert {name: found[name][place] for name in found} == pytest.approx(values)


def test_lists_are_long_enough_for_sides_that_differ_in_size() -> None:
    pooled = cloud(900, 3)
    random = np.random.default_rng(3)
    labels = np.stack([random.permutation(np.arange(900) >= 700) for _ in range(5)], axis=1)
    found = relabelled_coverage(pooled, labels, 5)
    for place, generated in enumerate(labels.T):
        values = coverage(pooled[~generated], pooled[generated], 5).values
        assert {name: found[name][place] for name in found} == pytest.approx(values, abs=0.01)
    assert found["coverage"].mean() == pytest.approx(expected_coverage(700, 200, 5), abs=0.04)
