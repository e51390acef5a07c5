"""Intervals of the Fréchet distance and of MAUVE, against the spread of fresh draws of both sides."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.intervals.frechet import frechet_interval
from services.metrics.intervals.interval import Interval, NoInterval
from services.metrics.intervals.jackknife import (
    affordable,
    grouped,
    rescaled_interval,
    two_sided_interval,
)
from services.metrics.semantic.moments import Moments
from services.metrics.semantic.vectors import Vectors, unit_rows
from services.metrics.shift.frechet import frechet_distance
from services.metrics.shift.mauve import area_under, curve_of_labels, mauve


def draw(count: int, seed: int, shift: float = 0.0) -> Vectors:
    random = np.random.default_rng(seed)
    centres = np.eye(6)[random.choice(6, count, p=np.arange(1, 7) / 21)]
    return unit_rows(centres + random.normal(scale=0.4, size=(count, 6)) + shift * np.eye(6)[0])


def frechet(real: Vectors, generated: Vectors) -> float:
    return frechet_distance(Moments.of(real), Moments.of(generated))


def found(interval: Interval | NoInterval) -> Interval:
    assert isinstance(interval, Interval)
    return interval


def test_frechets_interval_is_the_jackknife_of_the_rows_themselves() -> None:
    real, generated = draw(90, 0), draw(70, 1, 0.5)
    expected = two_sided_interval(
        lambda kept, also: frechet(real[kept], generated[also]), 90, 70, level=0.9, seed=3
    )
    interval = found(frechet_interval(real, generated, level=0.9, seed=3))
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high), rel=1e-6)
    assert interval.bias == pytest.approx(expected.bias, rel=1e-6)
    assert (interval.replicates, interval.seed, interval.method) == (20, 3, "jackknife")


def test_frechets_intervals_hold_the_mean_of_samples_from_one_law() -> None:
    sides = [(draw(200, seed), draw(150, seed + 500, 0.5)) for seed in range(80)]
    centre = np.mean([frechet(*pair) for pair in sides])
    intervals = [found(frechet_interval(*pair, seed=0)) for pair in sides]
    assert 72 <= sum(interval.low <= centre <= interval.high for interval in intervals) <= 80


def test_frechets_bias_is_told() -> None:
    """The distance of small samples lies above that of the laws by what the jackknife says."""
    truth = frechet(draw(200_000, 10**6), draw(200_000, 10**6 + 1, 0.5))
    sides = [(draw(100, seed), draw(100, seed + 500, 0.5)) for seed in range(60)]
    above = np.mean([frechet(*pair) for pair in sides]) - truth
    told = np.mean([interval.bias for pair in sides if (interval := found(frechet_interval(*pair, seed=0)))])
    assert told == pytest.approx(above, rel=0.35)


def test_many_dimensions_take_fewer_groups_and_rows_may_be_fewer() -> None:
    random = np.random.default_rng(0)
    sides = random.normal(size=(8, 11)), random.normal(size=(9, 11))
    few = found(frechet_interval(*sides, seed=0, most_dimensions=10))
    assert few.replicates == 6
    alike = found(frechet_interval(np.ones((8, 3)), np.ones((8, 3)), seed=0))
    assert (alike.low, alike.high) == (0, pytest.approx(0, abs=1e-7))
    assert isinstance(frechet_interval(np.eye(3), np.eye(3), seed=0), NoInterval)


def test_mauves_intervals_hold_the_mean_of_samples_from_one_law() -> None:
    """MAUVE of whole draws (each with clusters of its own), and intervals over the clusters of each."""
    drawn = [mauve(draw(200, seed), draw(200, seed + 500, 0.6), seed=0) for seed in range(40)]
    centre = np.mean([one.value for one in drawn])
    covered = 0
    for one in drawn:

        def area(kept: np.ndarray, also: np.ndarray, one: object = one) -> float:
            real, generated = one.real_labels[kept], one.generated_labels[also]  # type: ignore[attr-defined]
            return area_under(curve_of_labels(real, generated, one.clusters))  # type: ignore[attr-defined]

        interval = two_sided_interval(area, 200, 200, seed=0)
        assert area(np.arange(200), np.arange(200)) == one.value
        assert interval.bias is not None
        assert interval.bias < 0
        covered += interval.low <= centre <= interval.high
    assert covered >= 36


@given(st.lists(st.integers(1, 100), min_size=1, max_size=200), st.integers(1, 5000), st.integers(0, 99))
def test_a_sample_costs_no_more_than_it_may(sizes: list[int], most: int, seed: int) -> None:
    rows = affordable(np.asarray(sizes), most, seed)
    assert sorted(set(rows.tolist())) == rows.tolist()
    assert len(rows) == min(20, len(sizes)) or sum(sizes[row] for row in rows) <= most


@given(st.integers(1, 300), st.integers(1, 30), st.integers(0, 99))
def test_groups_share_the_rows_evenly(count: int, groups: int, seed: int) -> None:
    found = grouped(count, groups, seed)
    assert sorted(np.concatenate(found).tolist()) == list(range(count))
    assert np.ptp([len(group) for group in found]) <= 1


@given(st.integers(2, 60), st.integers(0, 99))
def test_moments_without_a_part_are_those_of_the_rest(count: int, seed: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(count, 3))
    parts = [Moments.of(rows[group]) for group in grouped(count, 5, seed)]
    for place, part in enumerate(parts):
        rest = reduce(Moments.__add__, parts) - part
        others = [other for other in parts if other is not parts[place]]
        if not others:
            continue
        expected = reduce(Moments.__add__, others)
        assert rest.count == expected.count
        np.testing.assert_allclose(rest.second, expected.second, atol=1e-12)


def test_the_jackknife_of_a_sample_is_rescaled_to_the_whole() -> None:
    """For a mean: of 400 drawn from 10,000, the error is that of 10,000."""
    values = np.random.default_rng(0).normal(size=10_000)
    rows = affordable(np.ones(10_000, np.int64), 400, 0)
    drawn = values[rows]
    interval = found(
        rescaled_interval(lambda kept: float(drawn[kept].mean()), float(values.mean()), 400, 10_000, seed=0)
    )
    assert interval.standard_error == pytest.approx(0.01, rel=0.4)
    assert "from 400 of 10000 rows" in interval.note
    assert interval.low < values.mean() < interval.high
    assert isinstance(rescaled_interval(lambda kept: 0.0, 0.0, 3, 3, seed=0), NoInterval)
