"""What the reconciler decides, state by state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis

from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.live import LiveJobs
from shared.jobs.reconciler import COORDINATE_SECONDS, Remedy, Sight, decide
from shared.queue import make_queue, send

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GRACE = 6.0


def sight(
    state: JobState,
    *,
    sent: bool = False,
    unleased: float = 100.0,
    looked_at: float = 100.0,
    attempts: int = 1,
    queue: Queue = Queue.TRAIN,
    not_before: datetime | None = None,
) -> Sight:
    record = JobRecord(
        id="job-x",
        project="p",
        operation="train",
        version=1,
        queue=queue,
        request={},
        state=state,
        sequence=1,
        attempts=attempts,
        not_before=not_before,
        created_at=NOW,
        updated_at=NOW,
    )
    return Sight(record, sent, unleased, looked_at)


@pytest.mark.parametrize(
    ("seen", "action"),
    [
        (sight(JobState.QUEUED), Remedy.SEND),
        (sight(JobState.QUEUED, sent=True), Remedy.NOTHING),
        (sight(JobState.QUEUED, unleased=0), Remedy.NOTHING),  # a bundle holds it: see ADR 20
        (sight(JobState.QUEUED, not_before=NOW + timedelta(seconds=1)), Remedy.NOTHING),
        (sight(JobState.QUEUED, not_before=NOW - timedelta(seconds=1)), Remedy.SEND),
        (
            sight(JobState.QUEUED, not_before=NOW + timedelta(days=2)),
            Remedy.SEND,
        ),  # by a clock that was wrong
        (sight(JobState.RUNNING, unleased=0), Remedy.NOTHING),
        (sight(JobState.RUNNING, unleased=GRACE - 1), Remedy.NOTHING),
        (sight(JobState.RUNNING, unleased=GRACE), Remedy.SEND),
        (sight(JobState.RUNNING, unleased=GRACE, sent=True), Remedy.NOTHING),
        (sight(JobState.RUNNING, unleased=GRACE, attempts=5), Remedy.FAIL),
        (sight(JobState.RUNNING, unleased=0, attempts=5), Remedy.NOTHING),
        (sight(JobState.CANCELLING, unleased=0), Remedy.NOTHING),
        (sight(JobState.CANCELLING, unleased=GRACE), Remedy.CANCEL),
        (sight(JobState.SUCCEEDED), Remedy.FORGET),
        (sight(JobState.FAILED), Remedy.FORGET),
        (sight(JobState.RUNNING, queue=Queue.COORDINATE, looked_at=1), Remedy.NOTHING),
        (sight(JobState.RUNNING, queue=Queue.COORDINATE, looked_at=COORDINATE_SECONDS), Remedy.SEND),
        (sight(JobState.RUNNING, queue=Queue.COORDINATE, attempts=99), Remedy.SEND),
        (sight(JobState.CANCELLING, queue=Queue.COORDINATE), Remedy.SEND),
    ],
)
def test_decision(seen: Sight, action: Remedy) -> None:
    assert decide(seen, NOW, GRACE, max_attempts=5) is action


def test_a_message_in_a_queue_is_known_there_however_long_it_lies(redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    live = LiveJobs(client, lease_seconds=3)
    job = f"job-{'a' * 32}"
    send(make_queue(redis_url), Queue.TRAIN, job)
    assert live.queued() == {job}
    client.delete(Queue.TRAIN.value)  # as a worker does that takes the message and is killed
    assert live.queued() == set()
