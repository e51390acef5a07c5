"""What a report says of the runs' trend."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from services.metrics.reporting.findings import rank_correlation


def test_four_points_in_perfect_order_are_not_certainty() -> None:
    rho, p = rank_correlation([1, 2, 3, 4], [4, 3, 2, 1])
    assert rho == pytest.approx(-1)
    assert p == pytest.approx(2 / math.factorial(4))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=3, max_size=6))
def test_it_is_spearmans(points: list[tuple[int, int]]) -> None:
    first, second = zip(*points, strict=True)
    rho, p = rank_correlation(first, second)
    assert 0 < p <= 1
    if len(set(first)) > 1 and len(set(second)) > 1:
        assert rho == pytest.approx(spearmanr(first, second).statistic)
