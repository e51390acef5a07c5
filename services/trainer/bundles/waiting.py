"""Queued trainings that may become members of a bundle, and the hold on each while it is one.

Nothing but leases is taken: a member's job stays queued, and its own worker (often this one, next) turns
what the bundle left in its scratch into its artifact. If this process dies, the leases lapse and every job
goes on from its own checkpoint.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import redis
import structlog

from shared.assembly import Platform
from shared.contracts.jobs import JobRecord, JobState, Progress
from shared.jobs.heartbeat import Heartbeat
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.retries import is_due
from shared.jobs.sending import Sender
from shared.jobs.workspace import Signals

log = structlog.get_logger(__name__)
LOOKED_AT = 200
"""Jobs of the project that are looked at for members, newest first."""


class WaitingTrainings:
    """The queue as a training sees it that could be the first of a bundle."""

    def __init__(self, records: JobRecords, live: LiveJobs, sender: Sender, lease_seconds: float) -> None:
        self.records, self.live, self.sender = records, live, sender
        self._beat_seconds = min(lease_seconds / 3, 2.0)

    @classmethod
    def on(cls, platform: Platform) -> WaitingTrainings:
        return cls(platform.records, platform.live, platform.sender, platform.settings.lease_seconds)

    def queued(self, project: str, operation: str, but: str) -> Iterator[JobRecord]:
        """The project's waiting jobs of this operation, oldest first; none when Redis cannot say."""
        try:
            known = self.live.indexed(project, None, LOOKED_AT, operation)
        except redis.RedisError:
            return
        yield from filter(_waits, self.records.readable(job for job, _ in reversed(known) if job != but))

    @contextmanager
    def hold(self, record: JobRecord, signals: Signals) -> Iterator[bool]:
        """Inside, no worker takes this job, unless somebody moves it: then `signals.lost` is set.

        Yields whether the hold was had. Afterwards the job's message is sent again if a worker used it up.
        """
        holder = f"bundle {secrets.token_hex(8)}"
        if not self.live.acquire(record.id, holder):
            yield False
            return
        try:
            current = self.records.find(record.id)
            if current is None or current.sequence != record.sequence:
                yield False
                return
            with Heartbeat(record, holder, self.live, self.records, signals, self._beat_seconds):
                log.info("training.joined", job=record.id)
                yield True
        finally:
            with suppress(redis.RedisError):  # then the lease lapses by itself
                self.live.release(record.id, holder)
            self._hand_back(record.id)

    def tell(self, job: str, done: int, total: int, leader: str) -> None:
        """A member's progress, told under its own name."""
        note = f"trained in the bundle of {leader}"
        self.live.publish_progress(job, Progress(done=done, total=total, unit="steps", note=note))

    def _hand_back(self, job: str) -> None:
        used_up = self.live.take_again(job)
        record = self.records.find(job)
        if used_up and record is not None and record.state is JobState.QUEUED:
            self.sender.send(record)


def _waits(record: JobRecord) -> bool:
    return record.state is JobState.QUEUED and is_due(record, datetime.now(UTC))
