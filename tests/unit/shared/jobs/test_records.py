"""The log of a job's states: legal moves only, one winner, and nothing that needs Redis."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, JobState
from shared.errors import Conflict
from shared.jobs.records import JobNotFound, JobRecords, StaleRecord
from shared.jobs.transitions import TRANSITIONS
from shared.store.base import ObjectStore
from shared.store.local import LocalStore
from shared.store.prefixed import PrefixedStore


def record(job_id: str = "job-1") -> JobRecord:
    now = datetime.now(UTC)
    return JobRecord(
        id=job_id,
        project="p",
        operation="train",
        version=1,
        queue=Queue.TRAIN,
        request={"rows": 3},
        state=JobState.QUEUED,
        sequence=0,
        created_at=now,
        updated_at=now,
    )


@pytest.fixture
def records(local_store: LocalStore) -> JobRecords:
    return JobRecords(local_store)


def test_a_job_is_created_once(records: JobRecords) -> None:
    assert records.create(record())
    assert not records.create(record())
    assert records.get("job-1") == record().model_copy(
        update={"created_at": records.get("job-1").created_at, "updated_at": records.get("job-1").updated_at}
    )


def test_the_history_is_kept(records: JobRecords) -> None:
    records.create(record())
    running = records.append(records.get("job-1"), state=JobState.RUNNING, attempts=1)
    records.append(running, state=JobState.FAILED, reason="diverged")
    assert [state.state for state in records.history("job-1")] == ["queued", "running", "failed"]
    assert list(records.active()) == []


def test_of_two_writers_one_looks_again(records: JobRecords) -> None:
    records.create(record())
    seen = records.get("job-1")
    records.append(seen, state=JobState.RUNNING, attempts=1)
    with pytest.raises(StaleRecord):
        records.append(seen, state=JobState.CANCELLED)


def test_an_illegal_move_is_refused(records: JobRecords) -> None:
    records.create(record())
    done = records.append(
        records.append(records.get("job-1"), state=JobState.RUNNING), state=JobState.SUCCEEDED
    )
    with pytest.raises(Conflict, match="the job is succeeded: it cannot become running"):
        records.append(done, state=JobState.RUNNING)


def test_a_job_taken_up_again_is_active_again(records: JobRecords) -> None:
    records.create(record())
    cancelled = records.append(records.get("job-1"), state=JobState.CANCELLED)
    assert list(records.active()) == []
    records.append(cancelled, state=JobState.QUEUED)
    assert list(records.active()) == ["job-1"]


class AtOnce(PrefixedStore):
    """A store where somebody else does something just before, or just after, a marker is deleted."""

    def __init__(self, store: ObjectStore, *, before: bool) -> None:
        super().__init__(store, "at-once")
        self._before = before
        self.meanwhile: list[Callable[[], object]] = []

    def delete(self, key: str) -> None:
        if not self._before:
            super().delete(key)
        while self.meanwhile:
            self.meanwhile.pop()()
        if self._before:
            super().delete(key)


@pytest.mark.parametrize("before", [True, False])
def test_a_job_taken_up_while_its_end_is_being_noted_stays_active(
    local_store: LocalStore, before: bool
) -> None:
    """Its marker was lost: with its message lost too, nobody would ever have found the job again."""
    store = AtOnce(local_store, before=before)
    ending, taking_up = JobRecords(store), JobRecords(store)
    ending.create(record())

    def take_up() -> None:
        taking_up.append(taking_up.get("job-1"), state=JobState.QUEUED)

    store.meanwhile.append(take_up)
    ending.append(ending.get("job-1"), state=JobState.CANCELLED)
    assert ending.get("job-1").state is JobState.QUEUED
    assert list(ending.active()) == ["job-1"]


def test_all_finds_the_newest_state_of_every_job(records: JobRecords) -> None:
    for name in ("job-1", "job-2", "job-3"):
        records.create(record(name))
    records.append(records.get("job-2"), state=JobState.CANCELLED)
    assert [(job.id, job.state) for job in records.all()] == [
        ("job-1", "queued"),
        ("job-2", "cancelled"),
        ("job-3", "queued"),
    ]


def test_an_unknown_job_is_not_found(records: JobRecords) -> None:
    with pytest.raises(JobNotFound):
        records.get("job-none")


def test_every_state_has_its_row_in_the_table_and_only_ended_ones_need_a_new_request() -> None:
    assert set(TRANSITIONS) == set(JobState)
    for before, after in TRANSITIONS.items():
        if before.ended:
            assert after <= {JobState.QUEUED}
