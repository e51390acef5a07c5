"""Samples are exact, seeded and nested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.problems import Unmeasurable
from services.metrics.rows.sampling import sample
from services.metrics.rows.side import Side

IDS = [str(row) for row in range(40)]


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 2**31))
def test_samples_have_their_size_and_are_nested(a: int, b: int, seed: int) -> None:
    small, large = (sample(Side(IDS), size=size, seed=seed) for size in sorted([a, b]))
    assert len(small) == min(a, b)
    assert large[: len(small)] == small


def test_a_fraction_is_rounded_half_up() -> None:
    assert len(sample(Side(IDS[:5]), fraction=0.5, seed=1)) == 3
    assert len(sample(Side(IDS), fraction=1.0, seed=1)) == 40


def test_a_stratified_sample_holds_each_stratum_in_proportion() -> None:
    strata = ["common"] * 30 + ["rare"] * 10
    chosen = sample(Side(IDS, strata=strata), size=8, seed=5)
    assert sum(int(row) >= 30 for row in chosen) == 2


def test_tokens_are_counted_when_asked() -> None:
    side = Side(IDS, tokens=[10] * 40)
    assert len(sample(side, size=104, unit="tokens", seed=0)) == 10


@pytest.mark.parametrize(
    "arguments",
    [{}, {"size": 1, "fraction": 0.1}, {"fraction": 0.0}, {"fraction": 1.5}, {"size": -1}, {"size": 41}],
)
def test_impossible_samples_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(Unmeasurable):
        sample(Side(IDS), seed=0, **arguments)  # type: ignore[arg-type]


@given(st.integers(0, 80), st.integers(0, 2**31))
def test_a_sample_of_as_many_as_there_are_is_the_whole_where_they_are_fewer(size: int, seed: int) -> None:
    chosen = sample(Side(IDS), size=size, or_all=True, seed=seed)
    assert chosen == sample(Side(IDS), size=40, seed=seed)[:size]
