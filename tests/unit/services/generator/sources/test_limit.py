"""Concurrency learnt from a server: simulated days of traffic, no clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable

import pytest

from services.generator.sources.limit import Limit


def drive(
    limit: Limit,
    latency: Callable[[int], float],
    seconds: float,
    refuse_above: int | None = None,
    start: float = 0.0,
) -> float:
    """Keeps the limit full for so many simulated seconds; returns answers a second over the last half."""
    now, in_flight, done = start, 0, 0
    events: list[tuple[float, float]] = []
    while now < start + seconds:
        while limit.room(in_flight):
            in_flight += 1
            if refuse_above is not None and in_flight > refuse_above:
                limit.refused(now)
                in_flight -= 1
                break
            heapq.heappush(events, (now + latency(in_flight), now))
        ends, started = heapq.heappop(events)
        now = ends
        limit.succeeded(now, now - started, in_flight)
        in_flight -= 1
        done += now > start + seconds / 2
    return done / (seconds / 2)


def test_a_server_of_constant_latency_is_used_to_the_limit() -> None:
    limit = Limit(start=8, high=512)
    drive(limit, lambda load: 0.2, 60)
    assert limit.value == 512


def test_it_gets_there_within_seconds() -> None:
    limit = Limit(start=8, high=512)
    drive(limit, lambda load: 0.2, 4)
    assert limit.value == 512


@pytest.mark.parametrize("capacity", [16, 100])
def test_a_server_that_only_queues_is_not_flooded(capacity: int) -> None:
    """A server with so many slots: beyond them answers only wait longer."""
    limit = Limit(start=8, high=2048)
    rate = drive(limit, lambda load: 0.2 * max(1.0, load / capacity), 120)
    assert rate >= 0.9 * capacity / 0.2
    assert limit.value < 8 * capacity


def test_refusals_bring_it_down_to_what_is_taken() -> None:
    limit = Limit(start=256, high=1024)
    rate = drive(limit, lambda load: 0.1, 120, refuse_above=40)
    assert rate >= 0.6 * 40 / 0.1
    assert limit.value <= 80


def test_a_burst_of_refusals_is_one_event() -> None:
    limit = Limit(start=100)
    for _ in range(50):
        limit.refused(10.0)
    assert limit.value == pytest.approx(70)


def test_it_never_leaves_its_bounds() -> None:
    limit = Limit(start=4, low=2, high=8)
    for second in range(100):
        limit.refused(second * 10.0)
    assert limit.value == 2
    drive(limit, lambda load: 0.1, 60, start=2000.0)
    assert limit.value == 8


def test_the_servers_own_gauges_overrule() -> None:
    limit = Limit(start=64, high=512)
    limit.queue_seen(running=20, waiting=44)
    limit.queue_seen(running=20, waiting=44)
    assert limit.value == pytest.approx(22.5)
    limit.queue_seen(running=20, waiting=0)
    drive(limit, lambda load: 0.1, 120)
    assert limit.value > 100


def test_a_burst_that_is_being_let_in_is_no_queue() -> None:
    """A vLLM that had just been given 64 requests showed 2 running and 62 waiting, and was given 4."""
    limit = Limit(start=64, high=64)
    limit.queue_seen(running=2, waiting=62)
    limit.queue_seen(running=64, waiting=0)
    assert limit.value == 64


def test_a_batch_that_slows_down_is_no_queue_where_the_gauges_say_so() -> None:
    """A vLLM's answers take longer the more it writes at once, and its rate still grows."""
    limit = Limit(start=16, high=64)
    limit.queue_seen(running=16, waiting=0)
    drive(limit, lambda load: 0.05 * load, 60)
    assert limit.value == 64


def test_a_limit_at_its_highest_is_not_stepped_down_for_a_step_it_never_took() -> None:
    limit = Limit(start=64, high=64)
    drive(limit, lambda load: 0.1, 0.3)
    drive(limit, lambda load: 0.3, 1.0, start=0.3)
    assert limit.value > 0.75 * 64
