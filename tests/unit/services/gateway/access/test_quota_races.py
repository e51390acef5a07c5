"""Quotas hold whoever comes at once and wherever a process dies, and what was used is charged once."""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.access.keys import Keyring, key_digest, key_id, new_key
from services.gateway.access.quotas import Quotas
from shared.contracts.base import JobRequest
from shared.contracts.jobs import JobState
from shared.errors import QuotaExceeded
from shared.jobs import usage
from shared.jobs.usage import tokens_used
from shared.jobs.workspace import Workspace
from shared.store.base import ObjectStore
from tests.mortal import Killed, MortalStore
from tests.unit.services.gateway.small_operations import Pool
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite

NARROW, THRIFTY = new_key(), new_key()
ONE, FEW = key_id(key_digest(NARROW)), key_id(key_digest(THRIFTY))
STEP = st.one_of(st.none(), st.integers(0, 30))


def keyring(folder: Path) -> Keyring:
    quotas: list[tuple[str, dict[str, int]]] = [(NARROW, {"running_jobs": 1}), (THRIFTY, {"tokens_a_day": 1})]
    file = folder / "keys.json"
    entries = [{"digest": key_digest(key), "project": PROJECT, "owner": "o", "quota": q} for key, q in quotas]
    file.write_text(json.dumps(entries))
    return Keyring(file)


def limited(suite: SmallSuite, folder: Path) -> Quotas:
    quotas = Quotas(keyring(folder), suite.store, suite.records, suite.live)
    suite.submission = suite.submission.admitting(quotas.admit)
    return quotas


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """What so many threads came back with, let go at the same moment; those that were refused left out."""
    gate, found = threading.Barrier(count), [None] * count

    def run(number: int) -> None:
        gate.wait(60)
        try:
            found[number] = act(number)
        except QuotaExceeded:
            return

    threads = [threading.Thread(target=run, args=[number]) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return [value for value in found if value is not None]


def under_way(suite: SmallSuite) -> list[str]:
    return [record.id for record in suite.records.all() if not record.state.ended]


@pytest.mark.parametrize("flushed", [False, True])
def test_of_64_posts_at_once_one_is_let_in(
    local_store: Any, redis_url: str, tmp_path: Path, flushed: bool
) -> None:
    suite = SmallSuite(local_store, redis_url)
    limited(suite, tmp_path)
    if not flushed:
        suite.reconciler.once()  # the indexes are known from here on
    let_in = at_once(64, lambda number: suite.submission.submit(PROJECT, Pool(seed=number), ONE))
    assert len(let_in) == len(under_way(suite)) == 1


def test_what_redis_has_forgotten_is_counted_from_the_store(
    local_store: Any, redis_url: str, tmp_path: Path
) -> None:
    suite = SmallSuite(local_store, redis_url)
    limited(suite, tmp_path)
    suite.submission.submit(PROJECT, Pool(seed=1), ONE)
    suite.redis.flushall()  # and no reconciler has come by
    with pytest.raises(QuotaExceeded):
        suite.submission.submit(PROJECT, Pool(seed=2), ONE)


def test_of_16_previews_at_once_one_is_let_in(local_store: Any, redis_url: str, tmp_path: Path) -> None:
    suite = SmallSuite(local_store, redis_url)
    quotas = limited(suite, tmp_path)
    ended = threading.Event()
    inside: list[int] = []

    def preview(number: int) -> int:
        with quotas.previewing(FEW, 500) as bill:
            inside.append(number)
            ended.wait(60)
            bill.tokens = 7
        return number

    timer = threading.Timer(3, ended.set)
    timer.start()
    assert at_once(16, preview) == inside
    assert len(inside) == 1
    assert tokens_used(local_store, FEW, datetime.now(UTC).date()) == 7


def test_a_preview_that_fails_costs_nothing_and_one_that_is_killed_what_it_held(
    redis_url: str, tmp_path: Path
) -> None:
    store = MortalStore(tmp_path / "objects")
    suite = SmallSuite(store, redis_url)
    quotas = limited(suite, tmp_path)
    today = datetime.now(UTC).date()
    with pytest.raises(ConnectionError), quotas.previewing(FEW, 500):
        raise ConnectionError
    assert tokens_used(store, FEW, today) == 0
    store.revive(2)  # holds, and dies
    with pytest.raises(Killed), quotas.previewing(FEW, 500) as bill:
        bill.tokens = 7
    store.revive(None)
    assert tokens_used(store, FEW, today) == 500
    assert suite.live.reserve(FEW, 1)[1] == 0


@given(kills=st.lists(STEP, min_size=1, max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_wherever_posts_are_killed_no_more_run_than_may_and_the_place_comes_back(
    redis_server: str, kills: list[int | None]
) -> None:
    redis.Redis.from_url(redis_server).flushall()
    with tempfile.TemporaryDirectory() as folder:
        store = MortalStore(Path(folder, "objects"))
        suite = SmallSuite(store, redis_server)
        limited(suite, Path(folder))
        for number, steps in enumerate(kills):
            store.revive(steps)
            with suppress(Killed, QuotaExceeded):
                suite.submission.submit(PROJECT, Pool(seed=number), ONE)
            store.revive(None)
            assert len(under_way(suite)) <= 1
        for claimed in suite.redis.scan_iter("gamut:claimed:*"):
            suite.redis.delete(claimed)  # a minute later
        suite.redis.delete(*(list(suite.redis.scan_iter("gamut:sent:*")) or ["-"]))
        suite.wire.clear()
        suite.reconciler.once()
        suite.drain()
        assert under_way(suite) == []
        assert suite.submission.submit(PROJECT, Pool(seed=99), ONE).state is JobState.QUEUED


@given(kills=st.lists(st.integers(0, 40), max_size=6), flush=st.booleans(), beats=st.booleans())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_wherever_workers_are_killed_each_token_is_charged_once(
    redis_server: str, kills: list[int], flush: bool, beats: bool
) -> None:
    """Each attempt goes on from the journal that the ones before it left, ten tokens an answer."""
    redis.Redis.from_url(redis_server).flushall()

    def answer(request: JobRequest, workspace: Workspace) -> None:
        journal: ObjectStore = workspace.scratch
        meter = usage.Meter(
            suite.store, suite.records, suite.records.get(workspace.job), lambda: workspace.tokens
        )
        for number in range(12):
            if journal.head(f"{number:03d}") is None:
                journal.put(f"{number:03d}", b"")
            workspace.progress(number, 12, "calls", tokens=10 * (number + 1))
            if beats:
                meter.settle()

    with tempfile.TemporaryDirectory() as folder:
        store = MortalStore(Path(folder, "objects"))
        suite = SmallSuite(store, redis_server, {"topics": answer})
        job = suite.submission.submit(PROJECT, Pool(seed=1), "key")
        for steps in [*kills, None]:
            store.revive(steps)
            try:
                suite.runner.run(job.id)
            except Killed:
                store.revive(None)
                for lease in suite.redis.scan_iter("gamut:lease:*"):
                    suite.redis.delete(lease)
                if flush:
                    suite.redis.flushall()
        assert suite.records.get(job.id).state is JobState.SUCCEEDED
        assert tokens_used(store, "key", datetime.now(UTC).date()) == 120
