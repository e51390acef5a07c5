"""The score C / S, and the running mean behind its interval."""

from __future__ import annotations

from math import sqrt
from statistics import fmean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.instruments.agent.score import RunningMean, run_score


@given(st.integers(1, 50), st.integers(1, 50))
def test_equal_clusters_score_their_number_over_their_size(count: int, size: int) -> None:
    assert run_score([size] * count) == pytest.approx(count / size)


def test_unequal_clusters_use_their_mean_size() -> None:
    assert run_score([1, 2, 3]) == 3 / 2
    assert run_score([]) == 0.0


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=200))
def test_the_running_mean_is_the_mean(values: list[float]) -> None:
    running = RunningMean()
    for value in values:
        running.add(value)
    assert running.mean == pytest.approx(fmean(values), abs=1e-9)
    assert running.deviation == pytest.approx(stdev(values), abs=1e-6)
    low, high = running.interval()
    assert high - low == pytest.approx(2 * 1.959964 * stdev(values) / sqrt(len(values)), rel=1e-6, abs=1e-6)
