"""What a job was charged is found with a few listings, however old the job is."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.records import JobRecords
from shared.jobs.usage import CLOCKS_DIFFER, charged_to, settle
from shared.store.base import ObjectInfo
from shared.store.local import LocalStore

NOW = datetime.now(UTC)
AGO = timedelta(days=300)
OWN_DAYS = 2 * CLOCKS_DIFFER.days + 1


class Counting(LocalStore):
    """Counts its listings of what was used."""

    listed = 0

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        self.listed += prefix.startswith("usage/")
        return super().list(prefix)


def states(*told: tuple[JobState, float, str]) -> list[JobRecord]:
    """A job's log: each state, how many days ago it was written, and for whom."""
    return [
        JobRecord(
            id="job-" + "1" * 32, project="p", operation="count", version=1, queue=Queue.MEASURE, request={},
            state=state, sequence=number, key=key, resubmissions=int(key != told[0][2]),
            created_at=NOW - timedelta(days=told[0][1]), updated_at=NOW - timedelta(days=ago),
        )
        for number, (state, ago, key) in enumerate(told)
    ]  # fmt: skip


def written(store: LocalStore, log: list[JobRecord]) -> JobRecord:
    for record in log:
        store.put(f"jobs/{record.id}/{record.sequence:06d}.json", record.model_dump_json().encode())
    return log[-1]


def charge(store: LocalStore, job: JobRecord, key: str, ago: float, tokens: int) -> None:
    day = (NOW - timedelta(days=ago)).date().isoformat()
    store.put(f"usage/{key}/{day}/{job.id}-1.{ago}-{tokens}", b"")


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    return Counting(tmp_path)


def test_an_old_job_lists_a_few_days(store: Counting) -> None:
    """It ran for three days long ago, and was asked for again by another key yesterday."""
    log = states(
        (JobState.QUEUED, 300, "one"), (JobState.RUNNING, 300, "one"), (JobState.FAILED, 297, "one"),
        (JobState.QUEUED, 1, "two"), (JobState.RUNNING, 1, "two"),
    )  # fmt: skip
    job = written(store, log)
    for key, ago, tokens in (("one", 299, 100), ("one", 298, 20), ("two", 1, 3)):
        charge(store, job, key, ago, tokens)
    records = JobRecords(store)
    assert charged_to(store, records, job) == 123
    assert store.listed <= 2 * (12 + 2 * OWN_DAYS)
    for _ in range(2):
        store.listed = 0
        assert charged_to(store, records, job) == 123
        assert store.listed == 2 * OWN_DAYS
    settle(store, records, job, 130)
    assert charged_to(store, records, job) == 130


def test_a_long_job_lists_each_of_its_days_once(store: Counting) -> None:
    job = written(store, states((JobState.QUEUED, 60, "one"), (JobState.RUNNING, 60, "one")))
    records = JobRecords(store)
    for ago in range(60, -1, -1):
        charge(store, job, "one", ago, 1)
        store.listed = 0
        assert charged_to(store, records, job, (NOW - timedelta(days=ago)).date()) == 61 - ago
        assert store.listed <= OWN_DAYS + 1


@settings(deadline=None, max_examples=30)
@given(skews=st.lists(st.integers(-2, 2), min_size=1, max_size=20), forgets=st.integers(0, 20))
def test_whoever_charges_by_a_clock_two_days_wrong_is_heard(
    tmp_path_factory: pytest.TempPathFactory, skews: list[int], forgets: int
) -> None:
    """Each day another process charges and counts, by its own clock; the sum may be lost meanwhile."""
    store = Counting(tmp_path_factory.mktemp("store"))
    start = len(skews) + 5
    job = written(store, states((JobState.QUEUED, start, "one"), (JobState.RUNNING, start, "one")))
    records = JobRecords(store)
    for number, skew in enumerate(skews):
        now = start - number - skew
        charge(store, job, "one", now + number / 1000, 1)
        if number == forgets:
            store.delete(f"charged/{job.id}")
        assert charged_to(store, records, job, (NOW - timedelta(days=now)).date()) == number + 1
