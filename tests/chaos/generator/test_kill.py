"""A worker killed in the middle of a generation, and two workers with the same one: nothing is paid for
again but what was in flight."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
import redis

from services.generator.settings import GeneratorSettings
from shared.artifacts import Artifact, project_store
from shared.assembly import Platform, connect
from shared.contracts.base import Queue
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobRecord, JobState
from shared.identity import artifact_id
from shared.jobs.spending import spent
from shared.queue import make_queue, send
from tests.integration.generator.conftest import Simulated
from tests.waiting import until

REPOSITORY = Path(__file__).parents[3]
CONCURRENCY = 16
ROWS = 400


@pytest.fixture
def environment(tmp_path: Path, redis_url: str, simulate: Callable[..., Simulated]) -> dict[str, str]:
    endpoint = simulate(latency=0.08)
    source = endpoint.source(concurrency=CONCURRENCY, max_concurrency=CONCURRENCY)
    return {
        "GAMUT_DATA_DIR": str(tmp_path),
        "GAMUT_REDIS_URL": redis_url,
        "GAMUT_SOURCES": orjson.dumps({"small": source}).decode(),
        "GAMUT_LEASE_SECONDS": "3",
    }


@pytest.fixture
def platform(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Platform:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return connect(GeneratorSettings())


@contextmanager
def worker(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "celery", "--quiet", "-A", "services.generator.worker", "worker"]
    options = ["-Q", "generate", "--pool", "threads", "-c", "1", "--loglevel", "ERROR"]
    process = subprocess.Popen(
        [*command, *options], cwd=REPOSITORY, env={**os.environ, **environment}, start_new_session=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run_to_end(platform: Platform, job: JobRecord) -> Artifact:
    reconciler = platform.reconciler()

    def ended() -> bool:
        reconciler.once()
        return platform.records.get(job.id).state.ended

    until(ended, "the job to end")
    record = platform.records.get(job.id)
    assert record.state is JobState.SUCCEEDED, record.error
    assert record.artifact is not None
    return Artifact.open(project_store(platform.store, "p"), record.artifact)


def test_a_killed_worker_costs_at_most_what_was_in_flight(
    environment: dict[str, str], platform: Platform
) -> None:
    submit = platform.submission.submit
    source = SourceRef(name="small")
    url = orjson.loads(environment["GAMUT_SOURCES"])["small"]["base_url"]
    with worker(environment):
        pool = run_to_end(platform, submit("p", TopicsRequest(source=source, count=60)))
    spent_on_topics = counts(url)["requests"]
    request = GenerationRequest(kind=DatasetKind.COMPLETION, topics=pool.id, rows=ROWS, sources=[source])
    job = submit("p", request)
    with worker(environment) as first:
        until(lambda: counts(url)["requests"] - spent_on_topics > ROWS // 3, "a third of the calls")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    with worker(environment):
        artifact = run_to_end(platform, job)
    rows = list(artifact.rows())
    assert len(rows) == ROWS
    assert len({row["origin"]["prompt_hash"] for row in rows}) == ROWS
    paid = counts(url)["requests"] - spent_on_topics
    again = paid - artifact.summary["candidates"]
    unwritten = CONCURRENCY  # answered while the put before was under way
    assert 0 <= again <= CONCURRENCY + unwritten
    ledger = artifact.summary["ledger"]
    assert ledger["sources"]["small"]["reused"] + ledger["sources"]["small"]["answered"] >= ROWS
    undisturbed = [row["id"] for row in rows]
    assert undisturbed == sorted(undisturbed)


def test_what_a_killed_worker_spent_is_known_though_nobody_goes_on(
    environment: dict[str, str], platform: Platform
) -> None:
    """Killed once with no attempt left: what it spent up to its last heartbeat. Taken up again: all of it."""
    source = SourceRef(name="small")
    url = orjson.loads(environment["GAMUT_SOURCES"])["small"]["base_url"]
    request = TopicsRequest(source=source, count=2000, per_call=5)
    store, artifact = project_store(platform.store, "p"), artifact_id(request)
    job = platform.submission.submit("p", request)
    with worker(environment) as first:
        until(lambda: spent(store, artifact).get("tokens", 0) > 0, "a heartbeat")
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    reconciler = replace(platform.reconciler(), max_attempts=1, moved=lambda record: False)

    def failed() -> bool:
        reconciler.once()
        return platform.records.get(job.id).state is JobState.FAILED

    until(failed, "the job to be given up")
    known = spent(store, artifact)
    answered = counts(url)
    assert 0 < known["tokens"] <= answered["tokens_in"] + answered["tokens_out"]
    platform.submission.submit("p", request)
    with worker(environment):
        ledger = run_to_end(platform, job).summary["ledger"]
    whole = spent(store, artifact)
    account = ledger["sources"]["small"]
    assert (whole["calls"], whole["tokens"]) == (
        account["issued"],
        account["tokens_in"] + account["tokens_out"],
    )
    assert whole["tokens"] > known["tokens"]


def test_two_workers_given_the_same_job_at_once_pay_for_it_once(
    environment: dict[str, str], platform: Platform
) -> None:
    source = SourceRef(name="small")
    url = orjson.loads(environment["GAMUT_SOURCES"])["small"]["base_url"]
    queue = make_queue(environment["GAMUT_REDIS_URL"])
    with worker(environment), worker(environment):
        pool = run_to_end(platform, platform.submission.submit("p", TopicsRequest(source=source, count=60)))
        spent_on_topics = counts(url)["requests"]
        request = GenerationRequest(kind=DatasetKind.COMPLETION, topics=pool.id, rows=ROWS, sources=[source])
        job = platform.submission.submit("p", request)
        for _ in range(3):  # beside the message that the submission sent
            send(queue, job.queue, job.id)
        artifact = run_to_end(platform, job)
        until(lambda: queued(environment["GAMUT_REDIS_URL"], job.queue) == 0, "every copy to be taken")
    record = platform.records.get(job.id)
    assert record.attempts == 1
    assert len(list(artifact.rows())) == ROWS
    assert counts(url)["requests"] - spent_on_topics == artifact.summary["candidates"]
    assert counts(url)["answered_twice"] == 0


def queued(redis_url: str, queue: Queue) -> int:
    waiting: Any = redis.Redis.from_url(redis_url).llen(queue.value)
    return int(waiting)


def counts(url: str) -> dict[str, int]:
    answer: dict[str, int] = httpx.get(url.removesuffix("/v1") + "/counts").json()
    return answer
