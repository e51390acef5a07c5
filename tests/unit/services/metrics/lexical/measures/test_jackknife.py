"""The delete-a-group jackknife against formulas known by heart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from services.metrics.intervals.interval import NoInterval
from services.metrics.lexical.measures.jackknife import grouped_jackknife


@given(st.lists(st.floats(-100, 100), min_size=5, max_size=30), st.sampled_from([0.8, 0.95]))
def test_of_a_mean_it_is_the_standard_error(values: list[float], confidence: float) -> None:
    sample = np.array(values)
    whole = sample.mean()
    without = (sample.sum() - sample) / (len(sample) - 1)
    sizes = np.ones(len(sample), np.int64)
    (found,) = grouped_jackknife(np.array([whole]), without[:, None], sizes, confidence)
    error = sample.std(ddof=1) / np.sqrt(len(sample))
    assert found.standard_error == pytest.approx(error, abs=1e-6)
    quantile = student.ppf((1 + confidence) / 2, len(sample) - 1)
    assert (found.low, found.high) == pytest.approx(
        (whole - quantile * error, whole + quantile * error), abs=1e-4
    )


def test_covers_the_mean_of_unequal_groups_as_often_as_it_says() -> None:
    draw = np.random.default_rng(0)
    sizes = draw.integers(5, 50, 20)
    covered = 0
    for _ in range(400):
        groups = [draw.exponential(size=size) for size in sizes]
        total, count = sum(group.sum() for group in groups), sizes.sum()
        without = np.array([[(total - group.sum()) / (count - len(group))] for group in groups])
        (found,) = grouped_jackknife(np.array([total / count]), without, sizes)
        covered += found.low < 1 < found.high
    assert 0.9 < covered / 400 <= 0.99


def test_groups_that_cannot_be_left_out_are_not() -> None:
    whole, sizes = np.array([1.0]), np.array([3, 3, 3, 3, 3, 0])
    without = np.array([[1.0], [2.0], [1.0], [2.0], [np.nan], [1.0]])
    (found,) = grouped_jackknife(whole, without, sizes)
    assert found.replicates == 4
    (none,) = grouped_jackknife(whole, without[2:], sizes[2:])
    assert none == NoInterval("only 2 groups of texts can be left out, and 4 are needed")
