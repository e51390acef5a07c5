"""The gate lets merged models speak for mixtures only where they rank the trained ones as trainings do."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.surface.gate import FEWEST, SurfacePoint, agreement, judge


def points(merged: list[float], trained: list[float | None]) -> list[SurfacePoint]:
    pairs = zip(merged, trained, strict=True)
    return [SurfacePoint(f"m{place}", one, other) for place, (one, other) in enumerate(pairs)]


def test_where_the_orders_agree_the_best_merged_mixture_is_taken_though_it_was_not_trained() -> None:
    found = judge(points([4.0, 4.2, 4.4, 4.6, 4.8, 5.0, 3.9], [3.0, 3.1, 3.3, 3.4, 3.6, 3.9, None]))
    assert (found.gate, found.chosen) == ("stands", "m6")
    assert found.correlation == pytest.approx(1)
    assert found.p == pytest.approx(1 / 720)
    assert found.regret == 0


def test_pools_that_only_help_together_are_refused_and_the_best_trained_one_is_taken() -> None:
    """Merged, every pool alone looks best; trained, all of them together are."""
    found = judge(points([4.0, 4.1, 4.2, 4.3, 4.4, 4.5, 3.0], [3.6, 3.5, 3.55, 3.2, 3.1, 3.0, None]))
    assert (found.gate, found.chosen) == ("refused", "m5")
    assert found.correlation is not None
    assert found.correlation < 0
    assert found.regret == pytest.approx(0.6)


@pytest.mark.parametrize("trained", [0, 1, FEWEST - 1])
def test_too_few_trainings_check_nothing(trained: int) -> None:
    merged = [4.0, 4.1, 4.2, 4.3, 4.4, 4.5]
    found = judge(points(merged, [5.0 - place if place < trained else None for place in range(6)]))
    assert (found.gate, found.p) == ("unchecked", None)
    assert found.chosen == (f"m{trained - 1}" if trained else "m0")


def test_trainings_that_all_came_out_the_same_check_nothing() -> None:
    found = judge(points([1.0, 2.0, 3.0, 4.0, 5.0], [3.0] * 5))
    assert (found.gate, found.correlation) == ("refused", None)


def test_the_p_value_is_that_of_all_orders() -> None:
    trained = [3.0, 3.2, 3.1, 3.5, 3.4]
    found = agreement(points([1.0, 2.0, 3.0, 4.0, 5.0], list(trained)), seed=0)
    ranks = np.argsort(np.argsort(trained))
    seen = float(np.corrcoef(range(5), ranks)[0, 1])
    every = [float(np.corrcoef(order, ranks)[0, 1]) for order in permutations(range(5))]
    assert found[0] == pytest.approx(seen)
    assert found[1] == pytest.approx(sum(value >= seen - 1e-9 for value in every) / len(every))


def test_chance_alone_passes_it_at_most_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    passed = sum(
        judge(points(list(random.normal(size=6)), list(random.normal(size=6)))).gate == "stands"
        for _ in range(200)
    )
    assert passed / 200 <= 0.05 + 0.04


losses = st.lists(st.floats(0, 9), min_size=1, max_size=7)


@given(losses, st.data())
def test_what_it_takes_is_a_mixture_and_the_regret_is_none_or_not_negative(
    merged: list[float], data: st.DataObject
) -> None:
    each = st.none() | st.floats(0, 9)
    trained = data.draw(st.lists(each, min_size=len(merged), max_size=len(merged)))
    found = judge(points(merged, trained))
    assert found.chosen in {f"m{place}" for place in range(len(merged))}
    assert found.regret is None or found.regret >= 0
    if found.gate == "stands":
        assert merged[int(found.chosen[1:])] == min(merged)
