"""Mixtures hold exactly what was asked for, are nested over ρ, and say so when rows are missing."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.problems import Unmeasurable
from services.metrics.rows.apportioning import as_typed
from services.metrics.rows.mixing import Mode, mix, mix_parts, parts_of, weights_of
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
    assert amounts(0.1, "fixed", 22_040) == [19_836, 2_204]
    assert amounts(0.5, "additive", 2_204) == [2_204, 2_204]
    assert amounts(0.9, "additive", 2_000) == [2_000, 18_000]


def amounts(rho: float, mode: Mode, size: int) -> list[int]:
    return parts_of(weights_of(rho, mode, size), mode, size)


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


part_weights = st.lists(st.integers(0, 9), min_size=2, max_size=5).filter(lambda found: found[0] > 0)


def pools(count: int, rows: int, tokens: int = 1) -> dict[str, Side]:
    """Every pool uses the same ids, as uploads do."""
    return {f"p{place}": side("", rows, tokens) for place in range(count)}


@given(part_weights, st.integers(1, 60), st.integers(0, 30), seeds, st.sampled_from(["fixed", "additive"]))
def test_a_larger_mixture_of_parts_contains_the_smaller(
    weights: list[int], size: int, more: int, seed: int, mode: str
) -> None:
    parts, asked = pools(len(weights), 900), tuple(map(Fraction, weights))
    small, large = (
        mix_parts(parts, asked, mode=mode, size=total, seed=seed)  # type: ignore[arg-type]
        for total in (size, size + more)
    )
    assert set(small.rows) <= set(large.rows)
    assert len(set(small.rows)) == len(small.rows) == sum(small.amounts.values())
    for name in parts:
        assert len(small.ids(name)) == small.amounts[name]


@given(part_weights, st.integers(1, 50), seeds)
def test_additive_parts_keep_the_first_and_add_by_its_measure(
    weights: list[int], rows: int, seed: int
) -> None:
    mixture = mix_parts(
        pools(len(weights), 900) | {"p0": side("", rows)},
        tuple(map(Fraction, weights)),
        mode="additive",
        seed=seed,
    )
    assert mixture.amounts["p0"] == rows
    added = sum(weights[1:]) / weights[0] * rows
    assert abs(mixture.generated_amount - added) <= 0.5


@given(shares.filter(lambda rho: 0.001 < rho < 0.999), st.integers(1, 60), seeds)
def test_the_short_form_is_a_mixture_of_two_parts(rho: float, size: int, seed: int) -> None:
    short = mix(side("r", 60), side("g", 60), rho=rho, mode="fixed", size=size, seed=seed)
    weights = (1 - as_typed(rho), as_typed(rho))
    parts = {"real": side("r", 60), "generated": side("g", 60)}
    assert mix_parts(parts, weights, mode="fixed", size=size, seed=seed) == short


def test_the_short_form_rounds_as_it_always_did() -> None:
    """floor(ρ · size + 1/2) generated rows, in floating point: what earlier releases made."""
    for hundredths in range(101):
        for size in range(1, 60):
            rho = hundredths / 100
            added = floor(rho * size + 0.5)
            assert parts_of(weights_of(rho, "fixed", size), "fixed", size) == [size - added, added]
            if rho < 1:
                added = floor(rho / (1 - rho) * size + 0.5)
                assert parts_of(weights_of(rho, "additive", size), "additive", size) == [size, added]


def test_without_a_size_the_parts_are_used_up_as_far_as_their_weights_allow() -> None:
    parts = {"real": side("r", 100), "one": side("a", 30), "two": side("b", 90)}
    mixture = mix_parts(parts, (Fraction(2), Fraction(1), Fraction(1)), mode="fixed", seed=0)
    assert mixture.amounts == {"real": 61, "one": 30, "two": 31}


@given(st.integers(1, 200), seeds)
def test_parts_by_tokens_are_off_by_at_most_half_a_row(size: int, seed: int) -> None:
    mixture = mix_parts(
        pools(3, 60, 9), tuple(map(Fraction, (5, 3, 2))), mode="fixed", unit="tokens", size=size, seed=seed
    )
    for name, share in zip(mixture.amounts, (0.5, 0.3, 0.2), strict=True):
        assert abs(mixture.amounts[name] - share * size) < 1 + 9 / 2


def test_a_part_that_is_too_small_is_named_with_what_it_lacks() -> None:
    parts = {"real": side("r", 100), "one": side("a", 3)}
    with pytest.raises(Unmeasurable, match=r"needs 50 one rows and there are 3.*make 47 more"):
        mix_parts(parts, (Fraction(1), Fraction(1)), mode="fixed", size=100, seed=0)
