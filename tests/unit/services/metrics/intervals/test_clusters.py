"""Intervals of a spread over clusters hold the spread of the population over those clusters."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.intervals.clusters import (
    cluster_intervals,
    count_intervals,
    entropy_interval,
    occupied_interval,
)
from services.metrics.intervals.interval import Interval, NoInterval
from services.metrics.semantic.clusters import assign, cluster_spread, fit_codebook
from services.metrics.semantic.vectors import Vectors, unit_rows
from tests.unit.services.metrics.refusals import refused

counts = st.lists(st.integers(0, 50), min_size=1, max_size=20).filter(lambda sizes: sum(sizes) >= 2)


def draw(count: int, seed: int) -> Vectors:
    random = np.random.default_rng(seed)
    centres = np.eye(8)[random.choice(8, count, p=np.arange(1, 9) / 36)]
    return unit_rows(centres + random.normal(scale=0.4, size=(count, 8)))


def entropy(sizes: np.ndarray) -> float:
    shares = sizes[sizes > 0] / sizes.sum()
    return float(-(shares * np.log(shares)).sum())


@given(counts)
def test_the_entropys_error_is_that_of_leaving_out_each_text(sizes: list[int]) -> None:
    """The influence function against the delete-one jackknife, of which it is the limit."""
    whole = np.asarray(sizes) * 40
    found = entropy_interval(whole.tolist())
    values = np.asarray([entropy(whole - one) for one in np.eye(len(whole), dtype=int)])
    n, centre = whole.sum(), (values * whole).sum() / whole.sum()
    expected = math.sqrt((n - 1) / n * float((whole * (values - centre) ** 2).sum()))
    assert found.standard_error == pytest.approx(expected, rel=0.05, abs=1 / n)


def test_entropys_intervals_hold_the_populations_entropy() -> None:
    population, covered = draw(50_000, 10**6), 0
    for seed in range(60):
        sample = draw(400, seed)
        codebook = fit_codebook(sample, 8, seed=0)
        found = entropy_interval(np.bincount(assign(sample, codebook)).tolist())
        truth = entropy(np.bincount(assign(population, codebook), minlength=8))
        covered += found.low <= truth <= found.high
    assert covered >= 54


def test_shares_hold_the_law_they_were_drawn_from() -> None:
    law, covered = np.arange(1, 6) / 15, 0
    for seed in range(100):
        sizes = np.random.default_rng(seed).multinomial(60, law)
        covered += sum(low <= p <= high for (low, high), p in zip(count_intervals(sizes), law, strict=True))
    assert 470 <= covered <= 500


@given(counts, st.sampled_from([0.5, 0.95]))
def test_shares_lie_within_their_intervals(sizes: list[int], level: float) -> None:
    for (low, high), size in zip(count_intervals(sizes, level=level), sizes, strict=True):
        assert 0 <= low <= size / sum(sizes) <= high <= 1


def test_clusters_of_one_text_may_be_empty_in_another_sample() -> None:
    found = occupied_interval([5, 1, 1, 1])
    assert found.standard_error == pytest.approx(math.sqrt(7 / 8 * (3 * (5 / 8) ** 2 + 5 * (3 / 8) ** 2)))
    assert occupied_interval([4, 4]).standard_error == 0


def test_values_lie_within_their_intervals() -> None:
    spread = cluster_spread(draw(300, 0), 12, seed=0)
    found = cluster_intervals(spread, 0.95)
    values = {
        "cluster_entropy": spread.entropy,
        "cluster_evenness": spread.evenness,
        "clusters_effective": spread.effective,
        "clusters_occupied": len(spread.counts),
    }
    for name, value in values.items():
        interval = found[name]
        assert isinstance(interval, Interval)
        assert interval.low - 1e-9 <= value <= interval.high + 1e-9
        assert "these clusters" in interval.note


def test_what_has_no_interval() -> None:
    one = cluster_intervals(cluster_spread(np.eye(1), 2, seed=0), 0.95)
    assert all(isinstance(interval, NoInterval) for interval in one.values())
    alike = cluster_intervals(cluster_spread(np.ones((9, 2)), 3, seed=0), 0.95)
    assert isinstance(alike["cluster_evenness"], NoInterval)
    assert alike["cluster_entropy"].standard_error == 0  # type: ignore[union-attr]
    with refused("too_few_rows"):
        entropy_interval([1])
