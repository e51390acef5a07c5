"""Intervals of shares, of repeated rows, of a standard deviation and of quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.intervals.interval import Interval, NoInterval
from services.metrics.intervals.shares import (
    deviation_interval,
    quantile_interval,
    repeated_interval,
    share_interval,
)


def found(interval: Interval | NoInterval) -> Interval:
    assert isinstance(interval, Interval)
    return interval


def firsts(labels: np.ndarray) -> np.ndarray:
    """The first row with each row's label."""
    _, first, group = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(first[group])


def test_a_share_of_no_row_is_not_surely_none() -> None:
    """The rule of three: of n rows without an event, its chance is up to about 3/n."""
    assert share_interval(0, 300).low == 0
    assert share_interval(0, 300).high == pytest.approx(3.69 / 300, rel=0.01)
    assert share_interval(300, 300).low == pytest.approx(1 - 3.69 / 300, rel=0.01)


def test_shares_hold_the_chance_they_were_drawn_with() -> None:
    drawn = np.random.default_rng(0).binomial(80, 0.1, size=300)
    covered = sum((one := share_interval(int(count), 80)).low <= 0.1 <= one.high for count in drawn)
    assert 282 <= covered <= 300


@given(st.lists(st.integers(0, 6), min_size=3, max_size=30))
def test_each_row_left_out_leaves_the_share_of_the_others(labels: list[int]) -> None:
    rows = np.asarray(labels)

    def share(kept: np.ndarray) -> float:
        return 1 - len(np.unique(kept)) / len(kept)

    without = np.asarray([share(np.delete(rows, row)) for row in range(len(rows))])
    n = len(rows)
    expected = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    interval = found(repeated_interval(firsts(rows)))
    assert interval.standard_error == pytest.approx(expected, abs=1e-12)
    assert interval.low <= share(rows) + 1e-12 <= interval.high + 2e-12


def test_repeated_rows_hold_the_mean_of_samples_from_one_law() -> None:
    samples = [np.minimum(np.random.default_rng(seed).zipf(1.3, 200), 10**6) for seed in range(100)]
    centre = np.mean([1 - len(np.unique(sample)) / 200 for sample in samples])
    intervals = [found(repeated_interval(firsts(sample))) for sample in samples]
    assert sum(interval.low <= centre <= interval.high for interval in intervals) >= 90


@given(st.lists(st.floats(-100, 100), min_size=3, max_size=20))
def test_each_row_left_out_leaves_the_deviation_of_the_others(rows: list[float]) -> None:
    values = np.asarray(rows)
    without = np.asarray([np.delete(values, row).std() for row in range(len(values))])
    n = len(values)
    expected = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    assert found(deviation_interval(values)).standard_error == pytest.approx(expected, rel=1e-6, abs=1e-4)


def test_deviations_hold_the_one_they_were_drawn_with() -> None:
    samples = [np.random.default_rng(seed).normal(scale=2, size=150) for seed in range(200)]
    covered = sum((one := found(deviation_interval(sample))).low <= 2 <= one.high for sample in samples)
    assert covered >= 178


@pytest.mark.parametrize("share", [0.05, 0.5, 0.95])
def test_quantiles_hold_the_ones_of_their_law(share: float) -> None:
    truth = -np.log(1 - share)
    samples = [np.random.default_rng(seed).exponential(size=150) for seed in range(200)]
    intervals = [found(quantile_interval(sample, share)) for sample in samples]
    assert sum(interval.low <= truth <= interval.high for interval in intervals) >= 184
    for interval, sample in zip(intervals, samples, strict=True):
        assert interval.low <= np.quantile(sample, share) <= interval.high


def test_what_has_no_interval() -> None:
    assert isinstance(quantile_interval(np.arange(5.0), 0.95), NoInterval)
    assert isinstance(quantile_interval(np.zeros(0), 0.5), NoInterval)
    assert isinstance(deviation_interval(np.zeros(2)), NoInterval)
    assert isinstance(repeated_interval(np.zeros(1, np.int64)), NoInterval)
    alike = found(quantile_interval(np.full(100, 7.0), 0.5))
    assert (alike.low, alike.high) == (7, 7)
