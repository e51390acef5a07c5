"""Draws by name: repeatable, uniform, independent of each other."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

from services.generator.engine.chance import Chance


def test_a_name_has_its_own_draws_for_ever() -> None:
    first = [Chance(1, "row", 5).uniform() for _ in range(2)]
    assert first[0] == first[1]
    assert Chance(1, "row", 5).call_seed == Chance(1, "row", 5).call_seed
    assert Chance(1, "row", 6).uniform() != first[0]


def test_uniform_draws_are_uniform() -> None:
    chance = Chance("uniform")
    assert kstest([chance.uniform() for _ in range(5000)], "uniform").pvalue > 1e-3


@pytest.mark.parametrize("count", [3, 10])
def test_places_are_drawn_alike(count: int) -> None:
    draws = Counter(place for name in range(4000) for place in Chance("s", name).sample(range(10), count))
    assert chisquare([draws[place] for place in range(10)]).pvalue > 1e-3


@given(st.integers(0, 60), st.integers(0, 60), st.integers())
def test_a_sample_has_different_places(size: int, count: int, name: int) -> None:
    if count > size:
        with pytest.raises(ValueError, match="cannot be drawn"):
            Chance(name).sample(range(size), count)
    else:
        drawn = Chance(name).sample(range(size), count)
        assert len(set(drawn)) == len(drawn) == count
        assert sorted(Chance(name).shuffled(range(size))) == list(range(size))


def test_weights_move_only_the_items_they_must() -> None:
    light = [Chance("w", n).weighted("ab", [0.3, 1.0]) for n in range(2000)]
    heavy = [Chance("w", n).weighted("ab", [0.6, 1.0]) for n in range(2000)]
    assert all(h == "a" for lo, h in zip(light, heavy, strict=True) if lo == "a")
    assert light.count("a") / 2000 == pytest.approx(0.3, abs=0.04)
    assert heavy.count("a") / 2000 == pytest.approx(0.6, abs=0.04)
