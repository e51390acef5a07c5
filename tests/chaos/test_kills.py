"""The bundled study ends by itself under kills, stops and a Redis that forgets, as it would have undisturbed.

The long form, with every kind of harm, is `make chaos`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.judging import compared
from tests.chaos.study import watched
from tests.chaos.weather import flush_redis, kill_any, stop_beyond_the_lease, weather

IN_FLIGHT = 8
"""Calls that a generator's worker or a source takes with it when it is killed."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_study_is_the_same_under_kills_stops_and_flushes(tmp_path: Path) -> None:
    with watched(tmp_path, ("peace", "storm")) as suite:
        peaceful = suite.posted("peace")
        assert suite.ended("peace", peaceful)["state"] == "succeeded"
        calls = suite.payments.paid
        harms = {kill_any: (3.0, 12.0), stop_beyond_the_lease: (5.0, 20.0), flush_redis: (5.0, 5.0)}
        stormy = suite.posted("storm")
        with weather(suite.suite, 1, harms, most=8) as happened:
            ended = suite.ended("storm", stormy)
        found = compared(suite, calls)
    assert ended["state"] == "succeeded", ended
    assert sum(number for name, number in happened.tally.items() if name.startswith("kill")) >= 3
    assert (found.missing, found.different, found.failures, found.damage) == ([], [], [], [])
    fatal = sum(happened.tally[f"kill {name}"] for name in ("generator-worker", "source", "redis"))
    assert found.paid_again <= max(0.02 * calls, IN_FLIGHT * fatal), happened.tally
