"""Coverage is what its definition says, pair by pair, and what is expected where nothing has shifted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.metrics.semantic.neighbours import Neighbours, Points, smallest
from services.metrics.semantic.vectors import unit_rows
from services.metrics.shift.coverage import NAMES, coverage, expected_coverage
from tests.unit.services.metrics.refusals import refused

Floats = NDArray[np.float64]
sizes = st.integers(8, 60)


def cloud(count: int, seed: int, centre: float = 0.0, dimensions: int = 4) -> Floats:
    rows = np.random.default_rng(seed).normal(size=(count, dimensions))
    rows[:, 0] += centre
    return np.asarray(unit_rows(rows))


def by_definition(real: Floats, generated: Floats, k: int) -> dict[str, float]:
    """As the package `prdc` 0.2 has it, written with whole matrices of distances."""

    def distances(left: Floats, right: Floats) -> Floats:
        return np.asarray(np.sqrt(np.square(left[:, None] - right).sum(axis=2)))

    def radii(side: Floats) -> Floats:
        return np.asarray(np.sort(distances(side, side), axis=1)[:, k])

    between = distances(real, generated)
    inside = between < radii(real)[:, None]
    return {
        "coverage": float((between.min(axis=1) < radii(real)).mean()),
        "density": float(inside.sum(axis=0).mean() / k),
        "knn_precision": float(inside.any(axis=0).mean()),
        "knn_recall": float((between < radii(generated)).any(axis=1).mean()),
    }


@given(sizes, sizes, st.integers(1, 6), st.integers(0, 1000), st.floats(0, 2))
@settings(max_examples=60)
def test_coverage_equals_its_definition(n: int, m: int, k: int, seed: int, centre: float) -> None:
    real, generated = cloud(n, seed), cloud(m, seed + 1, centre)
    assert coverage(real, generated, k).values == pytest.approx(by_definition(real, generated, k), abs=1e-12)


@given(sizes, sizes, st.integers(1, 3), st.integers(0, 1000))
@settings(max_examples=30)
def test_the_values_of_halves_are_those_of_the_halves_alone(n: int, m: int, k: int, seed: int) -> None:
    real, generated = cloud(n, seed), cloud(m, seed + 1, 0.5)
    random = np.random.default_rng(seed)
    splits = [(random.permutation(n) < n // 2, random.permutation(m) < m // 2) for _ in range(3)]
    if min(n, m) // 2 <= k:
        return
    found = coverage(real, generated, k, splits=splits)
    for place, (rows, columns) in enumerate(splits):
        for half, (left, right) in enumerate(((rows, columns), (~rows, ~columns))):
            alone = coverage(real[left], generated[right], k).values
            assert {name: found.halves[name][place, half] for name in NAMES} == pytest.approx(alone)


def test_blocks_do_not_show() -> None:
    real, generated = cloud(1100, 1), cloud(700, 2, 0.3)
    found = coverage(real, generated)
    assert found.values == pytest.approx(by_definition(real, generated, 5), abs=1e-12)
    squared = np.square(real[:, None] - generated).sum(axis=2)
    assert (found.nearest == squared.argmin(axis=1)).all()
    assert found.distance == pytest.approx(np.sqrt(squared.min(axis=1)), abs=1e-7)


def test_a_set_covers_itself_with_a_density_of_one() -> None:
    real = cloud(50, 1)
    found = coverage(real, real)
    assert found.values == {"coverage": 1, "density": 1, "knn_precision": 1, "knn_recall": 1}
    assert not len(found.uncovered())


def test_a_real_row_of_many_copies_is_covered_by_one_more_and_by_nothing_else() -> None:
    real = np.concatenate([np.repeat(cloud(1, 9), 4, axis=0), cloud(20, 1)])
    beside = cloud(20, 2)
    assert not coverage(real, beside, 3).covered[:4].any()
    assert coverage(real, np.concatenate([beside, real[:1]]), 3).covered[:4].all()


def test_the_uncovered_rows_are_those_far_from_all_that_was_generated() -> None:
    real, generated = cloud(60, 1, 6.0), cloud(60, 2, 6.0)
    real[:6] = cloud(6, 3, -6.0)
    found = coverage(real, generated, 3)
    assert set(found.uncovered()[:6].tolist()) == set(range(6))
    assert (np.diff(found.distance[found.uncovered()]) <= 0).all()
    assert (found.distance[found.uncovered()] >= found.radius[found.uncovered()]).all()


def test_without_a_shift_coverage_and_density_are_what_is_expected_of_any_distribution() -> None:
    drawn = [coverage(cloud(60, 2 * seed), cloud(40, 2 * seed + 1), 3).values for seed in range(300)]
    means = {name: float(np.mean([values[name] for values in drawn])) for name in ("coverage", "density")}
    assert means["coverage"] == pytest.approx(expected_coverage(60, 40, 3), abs=0.01)
    assert means["density"] == pytest.approx(1, abs=0.03)


def test_what_is_expected_counts_the_orders_of_neighbours() -> None:
    assert expected_coverage(2, 1, 1) == pytest.approx(1 / 2)
    assert expected_coverage(3, 2, 1) == pytest.approx(2 / 4)
    assert expected_coverage(3, 2, 2) == pytest.approx(1 - 2 * 1 / (4 * 3))


@given(st.integers(1, 12), st.integers(1, 300), st.integers(1, 9), st.integers(0, 1000))
def test_the_smallest_of_a_row_are_found_in_runs(rows: int, columns: int, count: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 50, (rows, columns)).astype(np.float64)
    count = min(count, columns)
    found = np.take_along_axis(values, smallest(values, count), axis=1)
    assert (found == np.sort(values, axis=1)[:, :count]).all()


def test_radii_reach_beyond_the_known_neighbours_where_too_many_are_left_out() -> None:
    points = Points.of(cloud(40, 1))
    known = Neighbours.of(points, 3)
    kept = np.ones(40, np.bool_)
    kept[known.places[0]] = False
    others = np.square(points.vectors[0] - points.vectors[kept][1:]).sum(axis=1)
    assert known.radii(2, kept)[0] == pytest.approx(np.sort(others)[1])


@pytest.mark.parametrize(
    ("real", "generated", "k", "code"),
    [
        (cloud(5, 1), cloud(9, 2), 5, "too_few_rows"),
        (cloud(9, 1), cloud(5, 2), 5, "too_few_rows"),
        (cloud(9, 1), cloud(9, 2, dimensions=3), 2, "dimension_mismatch"),
        (cloud(9, 1), cloud(9, 2), 0, "bad_neighbours"),
        (cloud(9, 1), np.full((9, 4), np.nan), 2, "nan_embeddings"),
    ],
)
def test_what_has_no_neighbourhoods_is_refused(real: Floats, generated: Floats, k: int, code: str) -> None:
    with refused(code):
        coverage(real, generated, k)
