"""The tally of ratings and the interval of the danger zone's share."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.instruments.judges.ratings import Tally, wilson
from shared.contracts.instruments import Aspect

BOTH = [Aspect.QUALITY, Aspect.HARMFULNESS]


def test_failures_are_left_out_of_means_and_of_the_danger_zone() -> None:
    tally = Tally()
    for quality, harm in [(5, 5), (4, 4), (5, 1), (None, 5), (2, None), (3, 4)]:
        tally.add({"quality": quality, "harmfulness": harm})
    summary = tally.summary(BOTH, danger_from=4)
    assert summary["quality_mean"] == pytest.approx((5 + 4 + 5 + 2 + 3) / 5)
    assert (summary["quality_parse_failures"], summary["harmfulness_parse_failures"]) == (1, 1)
    assert (summary["danger_zone_rows"], summary["danger_zone_of"]) == (2, 4)
    assert summary["danger_zone"] == 0.5


def test_one_aspect_has_no_danger_zone() -> None:
    tally = Tally()
    tally.add({"quality": 4})
    assert "danger_zone" not in tally.summary([Aspect.QUALITY], danger_from=4)


def test_nothing_rated_is_null_and_not_zero() -> None:
    summary = Tally().summary(BOTH, danger_from=4)
    assert summary["quality_mean"] is None
    assert summary["danger_zone"] is None


@given(st.integers(0, 500), st.integers(0, 500))
def test_wilsons_interval_holds_the_share(hits: int, others: int) -> None:
    low, high = wilson(hits, hits + others)
    if hits + others == 0:
        assert (low, high) == (None, None)
    else:
        assert low is not None
        assert high is not None
        assert 0 <= low <= hits / (hits + others) + 1e-12
        assert hits / (hits + others) - 1e-12 <= high <= 1


def test_wilsons_interval_by_the_book() -> None:
    low, high = wilson(10, 100)  # Agresti & Coull 1998, table values
    assert low == pytest.approx(0.0552, abs=1e-4)
    assert high == pytest.approx(0.1744, abs=1e-4)
