"""Rows by weight are whole, add up, come as near as they can, and are never taken away again."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.rows.apportioning import apportion, as_typed, largest_total, nearest

weights = st.lists(st.integers(0, 40), min_size=1, max_size=7).filter(any)
decimals = st.decimals(0, 1, places=3).map(float)


def fractions(found: list[int]) -> list[Fraction]:
    return [Fraction(weight) for weight in found]


def handed_out(total: int, asked: list[Fraction]) -> list[int]:
    """Sainte-Laguë's rule as it is told: row by row."""
    rows = [0] * len(asked)
    for _ in range(total):
        priority = [
            (weight / (2 * has + 1), place)
            for place, (weight, has) in enumerate(zip(asked, rows, strict=True))
        ]
        rows[max(priority)[1]] += 1
    return rows


@given(weights, st.integers(0, 90))
def test_it_is_the_rule_row_by_row(given_weights: list[int], total: int) -> None:
    asked = fractions(given_weights)
    assert apportion(total, asked) == handed_out(total, asked)


@given(weights, st.integers(0, 10**9))
def test_the_rows_add_up_and_are_near_their_shares(given_weights: list[int], total: int) -> None:
    asked = fractions(given_weights)
    rows = apportion(total, asked)
    assert sum(rows) == total
    for weight, count in zip(asked, rows, strict=True):
        share = weight / sum(asked)
        assert abs(count - share * total) <= (1 - share) / 2 + share * (len(rows) - 1) / 2
        if len(rows) <= 3:
            assert abs(count - share * total) < 1
        if not weight:
            assert count == 0


@given(weights, st.integers(0, 10**6), st.integers(0, 50))
def test_a_larger_total_takes_no_row_away(given_weights: list[int], total: int, more: int) -> None:
    asked = fractions(given_weights)
    smaller, larger = apportion(total, asked), apportion(total + more, asked)
    assert all(few <= many for few, many in zip(smaller, larger, strict=True))


def test_largest_remainders_would_take_one_away() -> None:
    """The Alabama paradox, which is why they are not used: weights 6, 6 and 2 at 10 rows and at 11."""

    def largest_remainders(total: int, asked: list[int]) -> list[int]:
        quotas = [Fraction(total * weight, sum(asked)) for weight in asked]
        rows = [int(quota) for quota in quotas]
        for place in sorted(range(len(asked)), key=lambda k: rows[k] - quotas[k])[: total - sum(rows)]:
            rows[place] += 1
        return rows

    assert largest_remainders(10, [6, 6, 2])[2] == 2 > largest_remainders(11, [6, 6, 2])[2] == 1
    ours = [apportion(total, fractions([6, 6, 2])) for total in (10, 11)]
    assert ours[0][2] <= ours[1][2]


@given(decimals, st.integers(1, 10**6))
def test_of_two_parts_each_has_the_nearest_whole_number(share: float, total: int) -> None:
    exact = as_typed(share)
    assert apportion(total, [1 - exact, exact])[1] == nearest(exact * total)


@given(weights, st.data())
def test_the_largest_total_is_the_largest(given_weights: list[int], data: st.DataObject) -> None:
    asked = fractions(given_weights)
    size = len(asked)
    available = data.draw(st.lists(st.integers(0, 50), min_size=size, max_size=size))

    def fits(total: int) -> bool:
        return all(need <= has for need, has in zip(apportion(total, asked), available, strict=True))

    found = largest_total(available, asked)
    assert fits(found)
    assert found == sum(available) or not fits(found + 1)


@pytest.mark.parametrize(
    ("typed", "meant"), [(0.1, Fraction(1, 10)), (2, Fraction(2)), (1e-5, Fraction(1, 10**5))]
)
def test_a_weight_is_the_decimal_that_was_typed(typed: float, meant: Fraction) -> None:
    assert as_typed(typed) == meant
