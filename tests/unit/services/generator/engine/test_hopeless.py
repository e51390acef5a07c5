"""When a stage is given up."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from services.generator.engine.hopeless import FEWEST, HELP, is_hopeless, told, upper_rate
from services.generator.engine.stage import Refusal, Reject


def stops_at(rows: int, most: int) -> int:
    """The candidate after which a run without any row is given up."""
    return next(
        tried for tried in range(1, most + 1) if is_hopeless(0, tried, rows, most - tried) or tried == most
    )


def test_nothing_accepted_ends_after_tens() -> None:
    assert FEWEST <= stops_at(300, 1_300) < 50
    assert stops_at(10_000, 40_100) < 50
    assert stops_at(8, 132) < 110


def test_a_run_that_asks_for_little_is_given_longer() -> None:
    assert stops_at(8, 10_000) > 1_000


@given(st.integers(FEWEST, 5_000), st.floats(0.3, 1))
def test_a_run_that_keeps_its_rate_is_never_given_up(tried: int, rate: float) -> None:
    accepted = round(rate * tried)
    assert not is_hopeless(accepted, tried, 10_000 - accepted, 40_100 - tried)


@given(st.integers(1, 5_000), st.data())
def test_a_run_whose_every_candidate_passed_is_never_given_up(rows: int, data: st.DataObject) -> None:
    """As many candidates as rows: answers to given prompts, pairs of given contexts."""
    tried = data.draw(st.integers(0, rows))
    assert not is_hopeless(tried, tried, rows - tried, rows - tried)


def test_few_that_could_be_filled_are_given_up() -> None:
    """At the rate that is just needed, looked at after every candidate."""
    rng, filled, stopped = random.Random(1), 0, 0
    for _ in range(400):
        accepted, given_up = 0, False
        for tried in range(1, 501):
            accepted += rng.random() < 0.22
            given_up = given_up or is_hopeless(accepted, tried, 100 - accepted, 500 - tried)
        filled += accepted >= 100
        stopped += given_up and accepted >= 100
    assert filled > 200
    assert stopped <= 1


@given(st.integers(1, 2_000), st.integers(0, 2_000))
def test_the_bound_is_a_rate_above_the_observed_one(tried: int, accepted: int) -> None:
    accepted = min(accepted, tried)
    assert accepted / tried <= upper_rate(accepted, tried) + 1e-9 <= 1 + 1e-9


def test_every_refusal_that_a_setting_helps_against_says_which() -> None:
    settled = {Refusal.REPLACED, Refusal.SURPLUS}
    assert set(HELP) == set(Refusal) - settled
    said = told("length", Reject(Refusal.LENGTH, "cut at max_tokens (9)", "Once\nupon " * 90))
    assert "max_tokens" in said
    assert "Once upon" in said
    assert len(said) < 900
