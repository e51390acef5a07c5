"""The dial against known laws of diversity: it reaches what can be reached, and says what cannot."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.dial.dialling import Aim, Dial, Dialled, Reading
from services.generator.dial.search import KnobRange

TOPICS = 10_000
ROWS = 5_000


class Law:
    """Distinct-n as it behaves: rising with the topics, falling with the rows, with a little noise."""

    def __init__(self, noise: float = 0.0, exponent: float = 0.12) -> None:
        self.noise = noise
        self.exponent = exponent
        self.made = 0
        self.full = 0

    def value(self, topics: int, rows: int) -> float:
        wobble = self.noise * math.sin(topics * 12.9898 + rows)
        return (0.15 + 0.08 * math.log(topics)) * (rows / 200) ** -self.exponent + wobble

    async def __call__(self, setting: int, rows: int, parts: int) -> list[Reading]:
        self.made += rows
        self.full += rows == ROWS
        shift = 0.05 * math.log(setting)
        return [Reading(self.value(setting, rows * part // parts), shift) for part in range(1, parts + 1)]


def dial(aim: Aim, **fields: int) -> Dial:
    space = KnobRange(1, TOPICS, rises=True, ratio=True)
    return Dial(space, aim, **{"rows": ROWS, "probe_rows": 200, "max_rounds": 30, **fields})


async def dialled(law: Law, aim: Aim, **fields: int) -> Dialled:
    return await dial(aim, **fields).run(law)


@settings(max_examples=50)
@given(st.floats(0.2, 0.58), st.sampled_from([0.0, 0.002]))
async def test_a_value_in_reach_is_reached(target: float, noise: float) -> None:
    law = Law(noise)
    found = await dialled(law, Aim(target, 0.01))
    assert found.missed == ""
    assert abs(found.reading.value - target) <= 0.01
    assert found.reading.value == law.value(found.setting, ROWS), "measured on the dataset that is kept"
    assert law.full <= 3, "probes save full datasets"


async def test_a_value_out_of_reach_is_said_to_be() -> None:
    found = await dialled(Law(), Aim(0.9, 0.01))
    assert found.setting == TOPICS
    assert found.missed.startswith(f"even at its end, {TOPICS}, the knob gives 0.60")


async def test_the_shift_budget_is_kept() -> None:
    found = await dialled(Law(), Aim(0.45, 0.01, shift_at_most=0.1))
    assert "the value is reached at" in found.missed
    assert "above the budget of 0.1" in found.missed


async def test_with_few_rows_there_are_no_probes() -> None:
    law = Law()
    found = await dialled(law, Aim(0.4, 0.02), rows=300)
    assert found.missed == ""
    assert {tried.rows for tried in found.rounds} == {300}


async def test_used_up_rounds_keep_the_closest() -> None:
    found = await dialled(Law(), Aim(0.31, 1e-9), max_rounds=5)
    assert "rounds are used up" in found.missed
    full = [tried for tried in found.rounds if tried.rows == ROWS]
    assert found.reading.value == min((t.value for t in full), key=lambda value: abs(value - 0.31))
    assert len(found.rounds) == 5


@pytest.mark.parametrize("rounds", [2, 3])
async def test_something_is_always_made_in_full(rounds: int) -> None:
    found = await dialled(Law(), Aim(0.31, 1e-9), max_rounds=rounds)
    assert any(tried.rows == ROWS for tried in found.rounds)


async def test_probes_close_in() -> None:
    found = await dialled(Law(), Aim(0.3, 0.002))
    misses = [abs(tried.predicted - 0.3) for tried in found.rounds if tried.predicted is not None]
    assert misses[-1] == min(misses)
    assert all(a.setting != b.setting or a.rows != b.rows for a, b in pairwise(found.rounds))
