"""Intervals from halves: their error is that of the value, and shares keep within their range."""

from __future__ import annotations

import numpy as np
import pytest

from services.metrics.intervals.halves import half_sample_error, half_sample_interval, half_sample_share
from services.metrics.intervals.shares import share_interval
from services.metrics.semantic.vectors import unit_rows
from services.metrics.shift.coverage import NAMES, coverage
from tests.unit.services.metrics.shift.test_coverage import cloud


def test_the_error_of_a_mean_is_its_own() -> None:
    random = np.random.default_rng(1)
    values = random.normal(size=400)
    splits = [random.permutation(400) < 200 for _ in range(400)]
    halves = np.array([[values[split].mean(), values[~split].mean()] for split in splits])
    assert half_sample_error(halves) == pytest.approx(values.std() / 20, rel=0.1)
    found = half_sample_interval(float(values.mean()), halves, seed=1)
    assert found.low < values.mean() < found.high
    assert (found.method, found.replicates) == ("half_samples", 800)


def test_a_share_that_never_moves_has_the_interval_of_independent_rows() -> None:
    still = np.ones((20, 2))
    for share, rows in ((1.0, 50), (0.0, 50)):
        found, exact = (
            half_sample_share(share, still * share, rows, seed=1),
            share_interval(int(share * rows), rows),
        )
        assert (found.low, found.high) == (exact.low, exact.high)


def test_rows_that_bear_on_each_other_widen_the_interval_of_a_share() -> None:
    moving = np.tile([0.4, 0.6], (20, 1))
    wide, exact = half_sample_share(0.5, moving, 1000, seed=1), share_interval(500, 1000)
    assert wide.low < exact.low < exact.high < wide.high
    assert 0 < wide.low < wide.high < 1


def test_intervals_of_coverage_cover() -> None:
    """At 95 %, of 100 rows a side that have shifted: within three standard errors of 120 draws."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NAMES}
    for seed in range(120):
        random = np.random.default_rng(seed)
        real, generated = cloud(100, 2 * seed, 0, 8), cloud(100, 2 * seed + 1, 1, 8)
        splits = [(random.permutation(100) < 50, random.permutation(100) < 50) for _ in range(20)]
        whole = coverage(unit_rows(real), unit_rows(generated), splits=splits)
        for name in NAMES:
            value, halves = whole.values[name], whole.halves[name]
            interval = (
                half_sample_interval(value, halves, seed=1)
                if name == "density"
                else half_sample_share(value, halves, 100, seed=1)
            )
            found[name].append((value, interval.low, interval.high))
    for name, draws in found.items():
        truth = np.mean([value for value, _, _ in draws])
        covered = np.mean([low <= truth <= high for _, low, high in draws])
        assert covered >= 0.89, (name, covered)
