"""What a measure is without each row, in closed form, is the measure of the others computed again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.intervals.jackknife import delete_one_interval
from services.metrics.semantic.dcscore import dcscore, dcscore_without_each
from services.metrics.semantic.pairwise import (
    chamfer,
    chamfer_without_each,
    distances_to_others,
    remote_clique,
)
from services.metrics.semantic.vectors import Vectors, unit_rows
from services.metrics.shift.mmd import mmd

sizes = st.integers(3, 12)
seeds = st.integers(0, 1000)


def rows(count: int, seed: int) -> Vectors:
    """Some rows, of which a few are equal."""
    random = np.random.default_rng(seed)
    vectors = unit_rows(random.normal(size=(count, 4)))
    return vectors[random.integers(0, count, count)]


def around(count: int, seed: int, shift: float = 0.0) -> Vectors:
    random = np.random.default_rng(seed)
    centres = np.eye(8)[random.choice(8, count, p=np.arange(1, 9) / 36)]
    return unit_rows(centres + random.normal(scale=0.4, size=(count, 8)) + shift * np.eye(8)[0])


@given(sizes, seeds, st.sampled_from([1.0, 0.1, 1e-4]))
def test_dcscore(count: int, seed: int, temperature: float) -> None:
    vectors = rows(count, seed)
    expected = [dcscore(np.delete(vectors, row, axis=0), temperature) for row in range(count)]
    assert dcscore_without_each(vectors, temperature) == pytest.approx(expected, rel=1e-9)


@given(sizes, seeds)
def test_chamfer_and_remote_clique(count: int, seed: int) -> None:
    vectors = rows(count, seed)
    expected = [chamfer(np.delete(vectors, row, axis=0)) for row in range(count)]
    # arccos of a cosine that should be 1 is off by the root of its rounding
    assert chamfer_without_each(vectors) == pytest.approx(expected, abs=1e-7)
    assert distances_to_others(vectors).mean() == pytest.approx(remote_clique(vectors), rel=1e-9)


@settings(max_examples=30)
@given(sizes, sizes, seeds)
def test_mmd(real: int, generated: int, seed: int) -> None:
    x, y = rows(real, seed), rows(generated, seed + 1)

    def squared(x: Vectors, y: Vectors) -> float:
        return mmd(x, y, bandwidth=0.8, permutations=19, seed=0).squared

    found = mmd(x, y, bandwidth=0.8, permutations=19, seed=0)
    expected = [squared(np.delete(x, row, axis=0), y) for row in range(real)]
    assert found.without_real == pytest.approx(expected, abs=1e-9)
    expected = [squared(x, np.delete(y, row, axis=0)) for row in range(generated)]
    assert found.without_generated == pytest.approx(expected, abs=1e-9)


def test_blocks_change_nothing() -> None:
    vectors = around(50, 0)
    for measure in (dcscore_without_each, chamfer_without_each, distances_to_others):
        assert measure(vectors, at_once=7) == pytest.approx(measure(vectors), rel=1e-12)


def test_intervals_of_dcscore_hold_the_mean_of_samples_from_one_law() -> None:
    samples = [around(200, seed) for seed in range(100)]
    scores = [dcscore(sample) for sample in samples]
    intervals = [
        delete_one_interval(score, dcscore_without_each(sample))
        for score, sample in zip(scores, samples, strict=True)
    ]
    covered = sum(interval.low <= np.mean(scores) <= interval.high for interval in intervals)
    assert 88 <= covered <= 100
    assert np.mean([interval.standard_error for interval in intervals]) == pytest.approx(
        np.std(scores), rel=0.2
    )


def test_the_percentile_bootstrap_would_be_wrong_for_dcscore() -> None:
    """Copies of rows are told apart from nothing: resamples score lower than the rows they are of."""
    vectors, random = around(200, 0), np.random.default_rng(1)
    resampled = [dcscore(vectors[random.integers(0, 200, 200)], 0.05) for _ in range(50)]
    assert max(resampled) < dcscore(vectors, 0.05)


def test_intervals_of_chamfer_are_wide_but_not_by_much() -> None:
    samples = [around(200, seed) for seed in range(60)]
    values = [chamfer(sample) for sample in samples]
    errors = [delete_one_interval(0, chamfer_without_each(sample)).standard_error for sample in samples]
    assert 1 < np.mean(errors) / np.std(values) < 2


def test_intervals_of_mmd_hold_the_mean_of_samples_from_one_law() -> None:
    found = [
        mmd(around(120, seed), around(100, seed + 500, 0.4), permutations=19, seed=0) for seed in range(80)
    ]
    centre = np.mean([one.squared for one in found])
    intervals = [delete_one_interval(one.squared, one.without_real, one.without_generated) for one in found]
    covered = sum(interval.low <= centre <= interval.high for interval in intervals)
    assert 70 <= covered <= 80
