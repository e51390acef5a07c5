"""Whatever got lost is found again: messages, workers, the whole of Redis.

The decision is a pure function of a job's record and what Redis knows; the effect is a guarded append or
a message that may be one too many. Any number of reconcilers may run; one is enough.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import structlog

from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, JobState
from shared.errors import GamutError, Reason
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords, StaleRecord
from shared.jobs.retries import is_due
from shared.jobs.sending import Sender
from shared.stored import Unreadable

log = structlog.get_logger(__name__)
ORPHAN_MARKER_SECONDS = 60.0
COORDINATE_SECONDS = 5.0
"""A waiting experiment is looked at this often even when nothing woke it."""


class WorkerLost(GamutError):
    """The workers that took this job died, as often as is allowed. Look for its last lines in their logs;
    if memory ran out, ask for less or give the worker more, then post the request again."""

    code = "worker_lost"
    reason = Reason.WORKER_LOST


class Remedy(StrEnum):
    NOTHING = "nothing"
    SEND = "send"
    CANCEL = "cancel"
    FAIL = "fail"
    FORGET = "forget"


@dataclass(frozen=True)
class Sight:
    """What is known of a job at one moment. `unleased_seconds`: how long no lease was seen; 0, it is held."""

    record: JobRecord
    sent: bool
    unleased_seconds: float
    since_looked_at: float


def decide(sight: Sight, now: datetime, grace_seconds: float, max_attempts: int) -> Remedy:
    """What to do about a job.

    A lease missing for less than the grace may only be Redis' loss: the holder takes it again at its
    next heartbeat. After it, the worker is gone.
    """
    record = sight.record
    if record.state.ended:
        return Remedy.FORGET
    if record.state is JobState.PAUSED:
        return Remedy.NOTHING
    if not is_due(record, now):
        return Remedy.NOTHING
    if record.queue is Queue.COORDINATE and record.state is not JobState.QUEUED:
        due = sight.since_looked_at >= COORDINATE_SECONDS and sight.unleased_seconds > 0
        return Remedy.SEND if due and not sight.sent else Remedy.NOTHING
    if record.state is JobState.QUEUED:
        held = sight.unleased_seconds == 0  # being taken, or trained together with another (ADR 20)
        return Remedy.NOTHING if sight.sent or held else Remedy.SEND
    if sight.unleased_seconds < grace_seconds:
        return Remedy.NOTHING
    if record.state is JobState.CANCELLING:
        return Remedy.CANCEL
    if record.attempts >= max_attempts:
        return Remedy.FAIL
    return Remedy.NOTHING if sight.sent else Remedy.SEND


@dataclass
class Reconciler:
    records: JobRecords
    live: LiveJobs
    sender: Sender
    grace_seconds: float
    max_attempts: int
    moved: Callable[[JobRecord], bool] = lambda record: False
    """Whether the attempt of this record, whose worker is gone, made lasting progress."""
    settle: Callable[[JobRecord], None] = lambda record: None
    """Charges what a job took that nobody will go on with."""
    _unleased_since: dict[str, float] = field(default_factory=dict)
    _looked_at: dict[str, float] = field(default_factory=dict)
    _orphans: dict[str, float] = field(default_factory=dict)
    _queued: set[str] | None = None
    _active: set[str] = field(default_factory=set)

    def run(self, stop: threading.Event, every_seconds: float) -> None:
        while not stop.is_set():
            try:
                self.once()
            except Exception as error:  # Redis or the store is away: the next pass finds what this one missed
                log.warning("reconciler.pass_failed", error=f"{type(error).__name__}: {error}")
            stop.wait(every_seconds)

    def once(self) -> None:
        """One pass over the jobs that have not ended; rebuilds the indexes when Redis has lost them."""
        if not self.live.index_known():
            self.live.index_all(self.records.all())
        active = list(self.records.active())
        self._queued = None
        # The end of a job may have been told to nobody: Redis was away, or its worker was an older one.
        for ended in self.records.readable(sorted(self._active - set(active))):
            self.live.index(ended)
        self._active = set(active)
        for job_id in active:
            try:
                record = self.records.find(job_id)
            except Unreadable:  # a newer process' to run, or nobody's: it has been told of
                continue
            if record is None:
                self._forget_orphan(job_id)
                continue
            if not record.state.ended:
                self.live.count_again(record)
            try:
                self._apply(
                    record,
                    decide(self._sight(record), datetime.now(UTC), self.grace_seconds, self.max_attempts),
                )
            except StaleRecord:
                continue  # somebody moved it meanwhile: the next pass sees how it stands
        for seen in (self._unleased_since, self._looked_at, self._orphans):
            for job_id in set(seen) - set(active):
                del seen[job_id]

    def _sight(self, record: JobRecord) -> Sight:
        now = time.monotonic()
        if self.live.leased(record.id):
            self._unleased_since.pop(record.id, None)
            self._looked_at[record.id] = now
            unleased = 0.0
        else:
            since = self._unleased_since.setdefault(record.id, now)
            unleased = max(now - since, 1e-9)  # 0 means held
        looked_at = self._looked_at.setdefault(record.id, now)
        return Sight(record, self._is_sent(record.id), unleased, now - looked_at)

    def _is_sent(self, job_id: str) -> bool:
        """Whether its message is under way, or lies in its queue; the queues are read once a pass, if at all.

        A worker that is killed takes with it the messages it had taken: those are in no queue any more.
        """
        if self.live.was_sent(job_id):
            return True
        if self._queued is None:
            self._queued = self.live.queued()
        return job_id in self._queued

    def _apply(self, record: JobRecord, action: Remedy) -> None:
        if action is Remedy.NOTHING:
            return
        if action is Remedy.FAIL and self.moved(record):
            action = Remedy.NOTHING if self._is_sent(record.id) else Remedy.SEND
        log.info(
            "reconciler.acts", job=record.id, action=action, state=record.state, attempts=record.attempts
        )
        if action is Remedy.SEND:
            self._looked_at[record.id] = time.monotonic()
            self.sender.send(record)
        elif action is Remedy.FORGET:
            self.records.forget_marker(record.id)
        elif action is Remedy.CANCEL:
            self._end(record, JobState.CANCELLED, Reason.CANCELLED, None)
        elif action is Remedy.FAIL:
            self._end(record, JobState.FAILED, Reason.WORKER_LOST, WorkerLost())

    def _end(self, record: JobRecord, state: JobState, reason: Reason, error: GamutError | None) -> None:
        self.settle(record)
        problem = error.problem() if error else None
        ended = self.records.append(record, state=state, reason=reason, error=problem)
        self.live.publish_state(ended)
        for waiting in self.live.take_waiting(record.id):
            for parent in self.records.readable([waiting]):
                if not parent.state.ended:
                    self.sender.send(parent)

    def _forget_orphan(self, job_id: str) -> None:
        """A marker whose job was never written: its writer died between the two, or is about to write."""
        first = self._orphans.setdefault(job_id, time.monotonic())
        if time.monotonic() - first > ORPHAN_MARKER_SECONDS:
            self.records.forget_marker(job_id)
