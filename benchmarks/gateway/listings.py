"""What it costs to list the jobs in one state among 50,000, and to build the indexes that it is read from."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import redis

from services.gateway.jobs.listing import JobListing
from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.store.local import LocalStore

JOBS = 50_000
FAILED = 400
"""Every so-manieth failed: the rare ones are what is asked for."""
T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Measured:
    """CPU seconds of this process and of Redis together. `read`: all jobs from the store; `indexed`: the same
    and their indexes built; `listed`: a page of those that failed; `scanned`: the same page without indexes.
    `equal`: both pages are the same."""

    read: float
    indexed: float
    listed: float
    scanned: float
    equal: bool


def measure(client: redis.Redis) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder))
        records = JobRecords(LocalStore(Path(folder)))
        live = LiveJobs(client, 30)
        listing = JobListing(records, live)
        read, _ = _cpu(client, lambda: sum(1 for _ in records.all()))
        client.flushall()
        scanned, slow = _cpu(client, lambda: listing.page("p", 50, state=JobState.FAILED))
        indexed, _ = _cpu(client, lambda: live.index_all(records.all()))
        times = [_cpu(client, lambda: listing.page("p", 50, state=JobState.FAILED)) for _ in range(5)]
        return Measured(read, indexed, min(seconds for seconds, _ in times), scanned, slow == times[0][1])


def _write(folder: Path) -> None:
    """Each job's log: asked for, begun, ended."""
    for number in range(JOBS):
        ended = JobState.FAILED if number % FAILED == 0 else JobState.SUCCEEDED
        job = f"job-{uuid4().hex}"
        (folder / "jobs" / job).mkdir(parents=True)
        for sequence, state in enumerate((JobState.QUEUED, JobState.RUNNING, ended)):
            record = JobRecord(
                id=job, project="p", operation=("measure", "train")[number % 2], version=1,
                queue=Queue.MEASURE, request={"dataset": "dataset-" + "0" * 32, "seed": number}, state=state,
                sequence=sequence, created_at=START + timedelta(seconds=number),
                updated_at=START + timedelta(seconds=number + sequence),
            )  # fmt: skip
            (folder / "jobs" / job / f"{sequence:06d}.json").write_text(record.model_dump_json())


def _cpu(client: redis.Redis, act: Callable[[], T]) -> tuple[float, T]:
    before = time.process_time() + _server(client)
    found = act()
    return time.process_time() + _server(client) - before, found


def _server(client: redis.Redis) -> float:
    told = client.info("cpu")
    assert isinstance(told, dict)
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])
