"""Preference from raw log-probabilities: a ratio of two masses, or a counted failure."""

from __future__ import annotations

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.generator.instruments.judges.preference import Scores, comparisons, preference

logprob = st.floats(-80, -1e-3)


@given(logprob, logprob)
def test_the_two_orders_of_a_fair_judge_add_up_to_one(a: float, b: float) -> None:
    forth, back = preference({"A": a, "B": b}), preference({"A": b, "B": a})
    assert forth is not None
    assert back is not None
    assert 0 <= forth <= 1
    assert forth + back == pytest.approx(1)


def test_spellings_of_a_letter_are_one_letter() -> None:
    alternatives = {"A": log(0.2), " A": log(0.1), "Ġ**A": log(0.1), "B": log(0.1), "An": log(0.4)}
    assert preference(alternatives) == pytest.approx(0.8)


@pytest.mark.parametrize("alternatives", [None, {}, {"A": -0.1}, {"B": -0.1, "a": -2.0}, {"Answer": -0.1}])
def test_a_missing_letter_is_a_failure_and_not_zero(alternatives: dict[str, float] | None) -> None:
    assert preference(alternatives) is None


def test_every_pair_stands_in_both_orders() -> None:
    compared = comparisons({"p": "?", "q": "?"}, ["x", "y", "z"])
    assert len(compared) == 2 * 6
    assert {(c.first, c.second) for c in compared} == {(a, b) for a in "xyz" for b in "xyz" if a != b}


def test_the_biases() -> None:
    scores = Scores()
    for first, second, share in [("own", "other", 0.9), ("other", "own", 0.3), ("own", "people", 0.8)]:
        scores.add({"first": first, "second": second, "first_share": share})
    s_own, s_other, s_people = (0.9 + 0.7 + 0.8) / 3, (0.1 + 0.3) / 2, 0.2
    summary = scores.summary("own", "people")
    assert summary["self_preference_bias"] == pytest.approx(s_own - s_other)
    assert summary["pro_synthetic_bias"] == pytest.approx((s_own + s_other) / 2 - s_people)
    assert scores.summary(None, None)["self_preference_bias"] is None
