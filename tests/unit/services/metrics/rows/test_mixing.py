"""Mixtures hold exactly what was asked for, are nested over ρ, and say so when rows are missing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.problems import Unmeasurable
from services.metrics.rows.mixing import amounts, mix
from services.metrics.rows.side import Side
from tests.unit.services.metrics.refusals import refused

shares = st.floats(min_value=0, max_value=1)
seeds = st.integers(min_value=0, max_value=2**31)


def side(name: str, count: int, tokens: int | None = None) -> Side:
    return Side([f"{name}{row}" for row in range(count)], [1 + row % (tokens or 1) for row in range(count)])


@given(st.integers(1, 60), shares, seeds)
def test_a_fixed_size_mixture_has_exactly_its_size(size: int, rho: float, seed: int) -> None:
    mixture = mix(side("r", 60), side("g", 60), rho=rho, mode="fixed", size=size, seed=seed)
    assert len(mixture.rows) == len(set(mixture.rows)) == size
    assert abs(mixture.generated_amount - rho * size) <= 0.5
    assert mixture.real_amount + mixture.generated_amount == size


@given(st.integers(1, 40), st.floats(0, 0.6), seeds)
def test_an_additive_mixture_keeps_every_real_row(count: int, rho: float, seed: int) -> None:
    mixture = mix(side("r", count), side("g", 100), rho=rho, mode="additive", seed=seed)
    assert sorted(mixture.ids("real")) == sorted(side("r", count).ids)
    assert abs(mixture.generated_amount - rho / (1 - rho) * count) <= 0.5


@given(shares, shares, seeds, st.sampled_from(["rows", "tokens"]), st.booleans())
def test_a_higher_share_adds_to_a_lower_one(
    a: float, b: float, seed: int, unit: str, stratified: bool
) -> None:
    low, high = sorted([a, b])
    real, generated = side("r", 50, tokens=7), side("g", 50, tokens=5)
    if stratified:
        generated = Side(generated.ids, generated.tokens, [f"topic {row % 3}" for row in range(50)])
    size = min(real.amount(unit), generated.amount(unit))  # type: ignore[arg-type]
    less, more = (
        mix(real, generated, rho=rho, mode="fixed", unit=unit, size=size, seed=seed)  # type: ignore[arg-type]
        for rho in (low, high)
    )
    assert set(less.ids("generated")) <= set(more.ids("generated"))
    assert set(more.ids("real")) <= set(less.ids("real"))


@given(shares, seeds)
def test_a_share_of_tokens_is_off_by_at_most_half_a_row(rho: float, seed: int) -> None:
    mixture = mix(
        side("r", 80, tokens=9),
        side("g", 80, tokens=9),
        rho=rho,
        mode="fixed",
        unit="tokens",
        size=150,
        seed=seed,
    )
    assert abs(mixture.generated_amount - rho * 150) <= 0.5 + 9 / 2
    assert abs(mixture.real_amount - (1 - rho) * 150) <= 0.5 + 9 / 2


def test_the_papers_sizes() -> None:
    assert amounts(0.1, "fixed", 22_040) == (19_836, 2_204)
    assert amounts(0.5, "additive", 2_204) == (2_204, 2_204)
    assert amounts(0.9, "additive", 2_000) == (2_000, 18_000)


def test_both_sides_may_use_the_same_ids_and_are_interleaved() -> None:
    rows = mix(
        Side([str(row) for row in range(100)]),
        Side([str(row) for row in range(100)]),
        rho=0.5,
        mode="additive",
        seed=3,
    ).rows
    assert len(set(rows)) == 200
    first_half = sum(origin == "real" for origin, _ in rows[:100])
    assert 30 < first_half < 70


def test_the_share_that_was_reached_is_reported() -> None:
    mixture = mix(side("r", 3), side("g", 3), rho=0.5, mode="fixed", size=3, seed=0)
    assert (mixture.real_amount, mixture.generated_amount, mixture.share) == (1, 2, pytest.approx(2 / 3))


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"rho": 1.2, "mode": "fixed"}, "bad_share"),
        ({"rho": float("nan"), "mode": "fixed"}, "bad_share"),
        ({"rho": 1.0, "mode": "additive"}, "bad_share"),
        ({"rho": 0.5, "mode": "fixed", "size": 0}, "bad_size"),
        ({"rho": 0.9, "mode": "additive"}, "too_few_rows"),
        ({"rho": 0.0, "mode": "fixed", "size": 11}, "too_few_rows"),
    ],
)
def test_impossible_mixtures_are_refused(arguments: dict[str, object], code: str) -> None:
    with pytest.raises(Unmeasurable) as caught:
        mix(side("r", 10), side("g", 10), seed=0, **arguments)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_the_refusal_says_how_many_rows_are_missing() -> None:
    with pytest.raises(Unmeasurable, match=r"needs 90 generated rows and there are 10.*make 80 more"):
        mix(side("r", 10), side("g", 10), rho=0.9, mode="additive", seed=0)


def test_tokens_are_needed_to_mix_by_tokens() -> None:
    with refused("no_token_counts"):
        mix(Side(["a"]), Side(["b"]), rho=0.5, mode="fixed", unit="tokens", size=1, seed=0)
