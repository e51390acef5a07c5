"""Pairs are kept together, no shift is told as none, and twins without a key are found."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from services.metrics.intervals.interval import Interval
from services.metrics.intervals.units import Units
from services.metrics.lexical.measures.divergence import JointSpectrum, joint_divergence
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.semantic.vectors import Vectors, unit_rows
from services.metrics.shift.counted import Counted
from services.metrics.shift.divergence import divergence
from services.metrics.shift.lengths import wasserstein
from services.metrics.shift.mauve import area_under, curve_of_labels
from services.metrics.shift.mmd import mmd
from services.metrics.shift.replicates import Replicates
from services.metrics.shift.sides import Sides
from services.metrics.shift.twins import twins
from services.metrics.shift.two_sample import folds_of, held_out_scores, two_sample

WORDS = [f"w{number}" for number in range(60)]


def cloud(count: int, seed: int, centre: float = 0.0) -> Vectors:
    offset = np.array([centre] + [0.0] * 19)
    return unit_rows(np.random.default_rng(seed).normal(size=(count, 20)) + offset)


def pair_of_sides(pairs: int, seed: int, noise: float = 0.15) -> tuple[Vectors, Vectors, Units]:
    """Two noisy copies of the same points, and which belong together: no shift at all."""
    random = np.random.default_rng(seed)
    base = cloud(pairs, seed)
    first, second = (unit_rows(base + random.normal(scale=noise, size=base.shape)) for _ in range(2))
    return first, second, Units(np.tile(np.arange(pairs), 2))


def texts(count: int, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 61)
    return [" ".join(random.choice(WORDS, 12, p=shares / shares.sum())) for _ in range(count)]


units = st.lists(st.integers(0, 5), min_size=4, max_size=30)


@given(units, st.data(), st.integers(0, 99))
def test_relabelling_keeps_pairs_and_groups_whole(keys: list[int], data: st.DataObject, seed: int) -> None:
    real = data.draw(st.integers(1, len(keys) - 1))
    of = np.unique(keys, return_inverse=True)[1].ravel()
    sides = Sides.of(real, len(keys) - real, Units(of))
    labels = sides.relabelled(5, np.random.default_rng(seed))
    for unit in range(int(of.max()) + 1):
        rows = of == unit
        own = sides.generated[rows]
        if own.any() and not own.all():  # a pair: as many on each side as before
            assert (labels[rows].sum(axis=0) == own.sum()).all()
        else:  # a group: all of one side
            assert (labels[rows] == labels[rows][:1]).all()
    alone = Sides.of(real, len(keys) - real).relabelled(5, np.random.default_rng(seed))
    assert (alone.sum(axis=0) == len(keys) - real).all()


@given(units, st.integers(0, 99))
def test_units_are_left_out_whole_and_each_once(keys: list[int], seed: int) -> None:
    of = np.unique(keys, return_inverse=True)[1].ravel()
    sides = Sides.of(2, len(keys) - 2, Units(of))
    kept, samples = sides.left_out(seed)
    assert kept.shape[1] == sum(samples)
    assert ((~kept).sum(axis=1) == 1).all()
    for column in kept.T:
        gone = of[~column]
        if sides.paired.any():
            assert not set(gone) & set(of[column])


@settings(max_examples=20, deadline=None)
@given(
    st.integers(2, 15), st.integers(2, 15), st.integers(0, 99), st.sampled_from([0.5, 1.0]), st.integers(1, 2)
)
def test_counted_words_give_the_divergences_of_the_texts(
    real: int, generated: int, seed: int, smoothing: float, order: int
) -> None:
    sides = texts(real, seed), texts(generated, seed + 1000)
    tokens = [Tokens.of(side) for side in sides]
    labels = np.random.default_rng(seed).random((real + generated, 3)) < 0.5
    labels[0], labels[-1] = True, False
    found = Counted.words(*tokens, order).divergences(labels, ~labels, smoothing)
    pooled = [*sides[0], *sides[1]]
    for column in range(3):
        own = [
            Tokens.of([text for text, here in zip(pooled, mask, strict=True) if here])
            for mask in (labels[:, column], ~labels[:, column])
        ]
        expected = joint_divergence(
            JointSpectrum.of_tokens(*own, order), order, smoothing=smoothing, base=math.e
        )
        assert found["kl"][column] == pytest.approx(expected.kl.value, abs=1e-9)
        assert found["js"][column] == pytest.approx(expected.js.value, abs=1e-9)


@given(st.lists(st.integers(0, 4), min_size=4, max_size=30), st.integers(0, 99), st.sampled_from([0.0, 0.5]))
def test_counted_bins_give_the_divergences_of_their_histograms(
    bins: list[int], seed: int, smoothing: float
) -> None:
    labels = np.asarray(bins)
    side = np.random.default_rng(seed).permutation(len(bins)) < len(bins) // 2
    found = Counted.bins(labels).divergences(side[:, None], ~side[:, None], smoothing)
    real, generated = (np.bincount(labels[mask], minlength=5) for mask in (side, ~side))
    expected = divergence(real, generated, smoothing=smoothing)
    for name in ("kl", "kl_reverse", "js"):
        assert found[name][0] == pytest.approx(getattr(expected, name), abs=1e-9)
    area = Counted.bins(labels).mauve(side[:, None], ~side[:, None])["mauve"][0]
    assert area == pytest.approx(area_under(curve_of_labels(labels[side], labels[~side], 5)))
    distance = wasserstein(labels, side[:, None], ~side[:, None])[0]
    assert distance == pytest.approx(wasserstein_distance(labels[side], labels[~side]))


def test_held_out_scores_are_those_of_scikit_learns_ridge_regression() -> None:
    rows, labels = np.concatenate([cloud(70, 0), cloud(60, 1, 0.5)]), np.arange(130) >= 70
    for dimensions in (20, 5):
        part = rows[:, :dimensions]
        sides = Sides.of(70, 60)
        fold = folds_of(sides, sides.units, 5, np.random.default_rng(0))
        expected = np.empty(130)
        for held in range(5):
            test = fold == held
            ridge = make_pipeline(StandardScaler(), Ridge(alpha=4.0)).fit(part[~test], 4 * labels[~test])
            expected[test] = ridge.predict(part[test]) - 4 * labels[~test].mean()
        found = held_out_scores(part.astype(np.float64), labels[:, None], fold)[:, 0]
        np.testing.assert_allclose(found, expected, atol=1e-9)


@given(units, st.integers(0, 9))
def test_folds_never_part_a_unit(keys: list[int], seed: int) -> None:
    of = np.unique([*range(100, 105), *keys, *range(105, 110)], return_inverse=True)[1].ravel()
    sides = Sides.of(len(of) // 2, len(of) - len(of) // 2, Units(of))
    fold = folds_of(sides, sides.units, 3, np.random.default_rng(seed))
    assert all(len(set(fold[of == unit].tolist())) == 1 for unit in range(int(of.max()) + 1))


def test_twins_kept_together_are_no_shift_and_parted_ones_are_less_than_none() -> None:
    first, second, pairs = pair_of_sides(200, 3)
    parted = two_sample(first, second, seed=0)
    together = two_sample(first, second, units=pairs, seed=0)
    assert parted.interval.high < 0.5
    assert together.interval.low < 0.5 < together.interval.high
    assert mmd(first, second, permutations=99, seed=0).p_value > 0.99
    assert 0.02 < mmd(first, second, units=pairs, permutations=99, seed=0).p_value < 0.99


def test_twins_without_a_key_are_found_and_others_are_not() -> None:
    first, second, pairs = pair_of_sides(200, 3)
    rows = np.concatenate([first, second])
    assert twins(rows, Sides.of(200, 200), seed=0).found
    assert not twins(rows, Sides.of(200, 200, pairs), seed=0).found
    for seed in range(20):
        apart = np.concatenate([cloud(150, seed), cloud(150, seed + 100, seed / 20)])
        assert not twins(apart, Sides.of(150, 150), seed=0).found


def test_an_auc_of_no_shift_is_told_from_one_half_in_few_of_many_draws() -> None:
    """At most 7 %: of 100 draws 13 would be more than chance allows."""
    found = [
        two_sample(cloud(100, seed), cloud(100, seed + 1000), relabellings=99, seed=0) for seed in range(100)
    ]
    excluded = sum(not one.interval.low <= 0.5 <= one.interval.high for one in found)
    significant = sum((one.relabelled >= one.auc).mean() < 0.05 for one in found)
    assert excluded <= 12
    assert significant <= 12


def test_an_aucs_interval_holds_the_mean_of_shifted_draws() -> None:
    found = [
        two_sample(cloud(100, seed), cloud(100, seed + 1000, 0.8), relabellings=99, seed=0)
        for seed in range(100)
    ]
    centre = np.mean([one.auc for one in found])
    assert sum(one.interval.low <= centre <= one.interval.high for one in found) >= 88


def shifts(labels: np.ndarray) -> Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]:
    return lambda real, generated: Counted.bins(labels).divergences(real, generated, 0.5)


def test_excess_over_no_shift_covers_none_where_there_is_none() -> None:
    held = 0
    for seed in range(60):
        labels = np.random.default_rng(seed).integers(0, 12, 200)
        again = Replicates.of(shifts(labels), Sides.of(100, 100), relabellings=99, level=0.95, seed=0)
        counts = (np.bincount(side, minlength=12) for side in (labels[:100], labels[100:]))
        value = divergence(*counts).js
        interval = again.interval("js", value)
        floor = again.no_shift("js", value, interval)
        assert isinstance(interval, Interval)
        assert floor is not None
        assert floor.median > 0.01  # what would be taken for a shift
        held += floor.low <= 0 <= floor.high
    assert held >= 54


def test_sides_of_different_size_have_a_value_at_equal_size() -> None:
    labels = np.random.default_rng(0).integers(0, 12, 450)
    again = Replicates.of(shifts(labels), Sides.of(300, 150), relabellings=19, level=0.95, seed=0)
    assert again.equal["js"] > 0
    assert not Replicates.of(shifts(labels), Sides.of(225, 225), relabellings=19, level=0.95, seed=0).equal
