"""Lengths like the seeds': refused outside their range, and spread as they are when asked."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp

from services.generator.engine.filters.length import LengthDistribution, LengthRange
from services.generator.engine.stage import Draft, Filter, Refusal
from services.generator.text.tokens import WordCounter

COUNT = WordCounter().of_row


def draft(length: int) -> Draft:
    return Draft({}, " ".join(["word"] * length), {})


def take(judge: Filter, length: int) -> bool:
    refused = judge.judge(draft(length))
    if refused is None:
        judge.accepted(draft(length))
        return True
    assert refused.reason is Refusal.LENGTH
    return False


def test_the_range_is_the_seeds_widened() -> None:
    judge = LengthRange([40] * 50 + [60] * 50, 0.25, COUNT)
    assert (judge.low, judge.high) == (30, 75)
    assert [take(judge, n) for n in (29, 30, 75, 76)] == [False, True, True, False]


@given(st.lists(st.integers(1, 500), min_size=1, max_size=50), st.floats(0, 4))
def test_every_middling_seed_passes(seeds: list[int], slack: float) -> None:
    judge = LengthRange(seeds, slack, COUNT)
    assert take(judge, int(np.median(seeds)))


@given(st.lists(st.integers(10, 200), min_size=1, max_size=40), st.integers(1, 40), st.integers(1, 8))
def test_quotas_hold_at_least_all_wanted_rows(seeds: list[int], wanted: int, bins: int) -> None:
    """With candidates as long as the seeds the stage can always be filled."""
    judge = LengthDistribution(seeds, wanted, bins, 0.0 if len(set(seeds)) == 1 else 0.5, COUNT)
    inside = [n for n in seeds if judge._range.low <= n <= judge._range.high]
    accepted = sum(take(judge, length) for length in inside * wanted)
    assert accepted >= min(wanted, len(inside) * wanted * 0.9)


def test_accepted_lengths_are_spread_like_the_seeds() -> None:
    rng = random.Random(3)
    seeds = [round(rng.gauss(50, 10)) for _ in range(400)]
    judge = LengthDistribution(seeds, 200, 8, 0.25, COUNT)
    accepted = []
    while len(accepted) < 200:
        length = rng.randint(20, 90)  # a model that does not keep to what it is asked
        if take(judge, length):
            accepted.append(length)
    assert ks_2samp(seeds, accepted).statistic < 0.12


@pytest.mark.parametrize("stop", [1, 17, 39])
def test_quotas_survive_a_restart(stop: int) -> None:
    seeds = list(range(20, 60))
    one, states = LengthDistribution(seeds, 40, 4, 0.0, COUNT), []
    for length in seeds[:stop]:
        take(one, length)
    states.append(one.take_state())
    again = LengthDistribution(seeds, 40, 4, 0.0, COUNT)
    again.load_state(states)
    assert [take(again, n) for n in seeds * 2] == [take(one, n) for n in seeds * 2]
