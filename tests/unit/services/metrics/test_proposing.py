"""Which mixtures a search tries next."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.proposing import Point, Space, Tried, propose, ranked

SPACE = Space(("D1", "D3", "D5"), 0.1, 0.9, 0.1)


def first_rung(seed: int = 0, slots: int = 9) -> list[Point]:
    return [propose(SPACE, [], slot=slot, keep=0, seed=seed) for slot in range(slots)]


def test_the_first_rung_spreads_over_pools_and_shares() -> None:
    points = first_rung()
    assert len(set(points)) == 9
    assert {point.pool for point in points} == {"D1", "D3", "D5"}
    shares = sorted(point.rho for point in points)
    assert shares[0] <= 0.3
    assert shares[-1] >= 0.7
    assert all(abs(point.rho * 10 - round(point.rho * 10)) < 1e-9 for point in points)


def test_the_same_slot_of_the_same_seed_is_the_same_mixture() -> None:
    assert first_rung(3) == first_rung(3)
    assert first_rung(3) != first_rung(4)


def test_the_best_survive_in_order_and_the_rest_is_new() -> None:
    history = [Tried(point, float(place)) for place, point in enumerate(reversed(first_rung()))]
    kept = [propose(SPACE, history, slot=slot, keep=3, seed=0) for slot in range(5)]
    assert kept[:3] == [tried.point for tried in history[:3]]
    assert not set(kept[3:]) & set(kept[:3])


def test_new_mixtures_learn_from_what_was_tried() -> None:
    """Where D5 at low shares is best by far, that is where new ones are looked for."""
    history = [
        Tried(Point(pool, rho), (0.0 if pool == "D5" else 5.0) + rho)
        for pool in ("D1", "D3", "D5")
        for rho in (0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
    ]
    asked = [propose(SPACE, history, slot=0, keep=0, seed=seed) for seed in range(20)]
    assert sum(point.pool == "D5" for point in asked) > 14
    assert sum(point.rho for point in asked) / 20 < 0.5


@pytest.mark.parametrize("space", [Space(("only",), 0.5, 0.5, 0.1), Space(("a", "b"), 0.5, 0.5, 0.1)])
def test_a_space_of_a_point_or_two_is_no_error(space: Space) -> None:
    for slot in range(4):
        assert propose(space, [], slot=slot, keep=0, seed=0).rho == 0.5


@settings(max_examples=25)
@given(st.lists(st.floats(0, 9), min_size=1, max_size=9, unique=True), st.integers(1, 4))
def test_no_survivor_is_worse_than_one_that_goes(values: list[float], keep: int) -> None:
    points = [Point("D1", round(0.1 * (n + 1), 10)) for n in range(len(values))]
    history = [Tried(point, value) for point, value in zip(points, values, strict=True)]
    kept = {propose(SPACE, history, slot=slot, keep=keep, seed=0) for slot in range(min(keep, len(values)))}
    worst_kept = max(tried.value for tried in history if tried.point in kept)
    assert all(tried.value >= worst_kept for tried in history if tried.point not in kept)
    assert [tried.value for tried in ranked(history)] == sorted(values)
