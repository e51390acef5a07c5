"""The bundled study ends by itself under kills, stops and a Redis that forgets, as it would have undisturbed.

The long form, with every kind of harm, is `make chaos`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from embedded.client import Json
from embedded.demo import RECIPE
from tests.chaos.judging import PEACE, STORM, compared
from tests.chaos.study import SEED, watched
from tests.chaos.weather import cpu_seconds, flush_redis, kill_any, stop_beyond_the_lease, weather
from tests.e2e.conftest import shrunk

IN_FLIGHT = 2 * 16
"""Calls that a generator's worker takes with it when it is killed: those it makes at once, and as many that
were answered while the journal's put before them was under way."""


def small() -> Json:
    """One level of the ladder: real rows alone, generated ones beside them, and in their place."""
    return shrunk(RECIPE, SEED) | {"sweep": {"level": [20], "reached": {"more": 1}, "seed": [SEED]}}


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_study_is_the_same_under_kills_stops_and_flushes(tmp_path: Path) -> None:
    with watched(tmp_path, (PEACE, STORM)) as suite:
        peaceful = suite.posted(PEACE, small())
        assert suite.ended(PEACE, peaceful)["state"] == "succeeded"
        calls = suite.payments.paid
        harms = {kill_any: (4.0, 16.0), stop_beyond_the_lease: (10.0, 30.0), flush_redis: (0.0, 0.0)}
        stormy = suite.posted(STORM, small())
        with weather(suite.suite, 1, harms, most=8) as happened:
            ended = suite.ended(STORM, stormy)
        found = compared(suite, calls)
        print(f"{cpu_seconds(suite.suite):.0f} CPU seconds, {happened.tally}")
    assert ended["state"] == "succeeded", ended
    assert sum(number for name, number in happened.tally.items() if name.startswith("kill")) >= 3
    assert (found.missing, found.different, found.failures, found.damage) == ([], [], [], [])
    fatal = sum(happened.tally[f"kill {name}"] for name in ("generator-worker", "source", "redis"))
    assert found.paid_again <= max(0.02 * calls, IN_FLIGHT * fatal), happened.tally
