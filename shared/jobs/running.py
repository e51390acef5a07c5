"""A worker takes a job: lease, heartbeat, handler, commit, and what to make of an error.

A message may come twice, late, or for a job that has ended; each of these ends in a line of the log and
nothing else. Only the state that wins its conditional put counts.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import structlog
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from shared import tracing
from shared.artifacts import manifest_of, project_store
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactSummary, JobRequest, Queue
from shared.contracts.jobs import JobRecord, JobState, Progress
from shared.errors import RETRIED, GamutError, Reason, StoreUnavailable
from shared.folders import collect_folders, own_folder
from shared.identity import artifact_id
from shared.jobs.heartbeat import Heartbeat
from shared.jobs.live import LiveJobs
from shared.jobs.moving import Moving
from shared.jobs.records import JobRecords, StaleRecord
from shared.jobs.retries import OUTAGE_SECONDS, backoff, is_due
from shared.jobs.sending import Sender
from shared.jobs.usage import charged
from shared.jobs.workspace import Cancelled, Draining, LeaseLost, Signals, Workspace
from shared.store.base import ObjectStore
from shared.stored import Unreadable

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Waiting:
    """A coordinating handler's answer: other jobs have to end first; it is woken then."""


@dataclass(frozen=True)
class Paused:
    """A coordinating handler's answer: nothing goes on until somebody resumes the job."""

    reason: Reason
    error: GamutError


@dataclass(frozen=True)
class Ended:
    """A coordinating handler's answer: how the job ends, with the artifact another job made for it."""

    state: JobState
    artifact: str | None = None
    reason: Reason | None = None
    error: GamutError | None = None


R = TypeVar("R", bound=ArtifactSummary)
Handler = Callable[[Any, Workspace], R | Waiting | Paused | Ended]
"""Takes the request and the workspace, writes the artifact's parts, returns the artifact's summary: of the
class that the request's class names as its `result`."""
Handlers = Mapping[type[JobRequest], Handler[Any]]
"""What a worker can do: a handler for the class of each request."""


class JobRunner:
    def __init__(
        self,
        store: ObjectStore,
        records: JobRecords,
        live: LiveJobs,
        sender: Sender,
        handlers: Handlers,
        *,
        lease_seconds: float,
        max_attempts: int,
        max_attempts_in_all: int = 100,
        packages: tuple[str, ...] = (),
        outage_seconds: float = OUTAGE_SECONDS,
    ) -> None:
        """`packages` are the distributions whose versions go into every manifest. A job waits
        `outage_seconds` before it is tried again when the store failed."""
        self._store = store
        self._records = records
        self._live = live
        self._sender = sender
        self._handlers = {request.operation: (request, handler) for request, handler in handlers.items()}
        self._beat_seconds = min(lease_seconds / 3, 2.0)
        self._max_attempts = max_attempts
        makes = {request.operation: request.produces for request in handlers}
        self._moving = Moving(store, records, max_attempts_in_all, makes)
        self._packages = packages
        self._outage_seconds = outage_seconds
        self.draining = threading.Event()
        collect_folders()

    def run(self, job_id: str) -> None:
        """Run the job if it is this worker's to run. Never raises for what the job itself does."""
        with structlog.contextvars.bound_contextvars(job=job_id):
            try:
                record = self._records.find(job_id)
            except Unreadable:
                log.warning("job.not_run", why="its record cannot be read by this worker")
                return
            if (
                record is None
                or record.state.ended
                or record.state is JobState.PAUSED
                or not is_due(record, datetime.now(UTC))
            ):
                log.info("job.not_run", why=record.state if record else "unknown")
                return
            if not self._understands(record):
                log.warning("job.not_run", why="this worker does not know such requests: a newer one will")
                return
            holder = f"{record.attempts + 1} {secrets.token_hex(8)}"
            if not self._live.acquire(job_id, holder):
                self._live.note_again(job_id)
                log.info("job.not_run", why="another worker has it")
                return
            try:
                with self._traced(record):
                    self._take(job_id, holder)
            except StaleRecord:
                log.info("job.not_run", why="its state changed meanwhile")
            except StoreUnavailable as error:  # not even its state can be written: it is sent again
                log.warning("job.not_run", why=error.detail)
                known = self._live.progress(job_id) or Progress()
                note = f"waiting: {error.detail}"
                self._live.publish_progress(job_id, known.model_copy(update={"note": note}))
            finally:
                self._live.release(job_id, holder)
            self._look_again(job_id)

    def _understands(self, record: JobRecord) -> bool:
        """Whether the request is one that this version of the worker knows: in a rolling upgrade both run."""
        kind, _ = self._handlers.get(record.operation, (None, None))
        try:
            return kind is not None and bool(kind.model_validate(record.request))
        except ValidationError:
            return False

    @contextmanager
    def _traced(self, record: JobRecord) -> Iterator[None]:
        """A span of this attempt, in the trace that the job was asked for in."""
        if not tracing.is_on():
            yield
            return
        with (
            tracing.continuing(self._live.carried(record.id)),
            tracing.span("job.run", SpanKind.CONSUMER, job=record.id, operation=record.operation) as span,
        ):
            span.set_attribute("gamut.attempt", record.attempts + 1)
            yield

    def _take(self, job_id: str, holder: str) -> None:
        record = self._records.get(job_id)
        coordinates = record.queue is Queue.COORDINATE
        if record.state is JobState.CANCELLING and not coordinates:
            self._end(record, JobState.CANCELLED, reason=Reason.CANCELLED)
            return
        if record.state is JobState.QUEUED or (record.state is JobState.RUNNING and not coordinates):
            failures = 0 if self._moving.moved(record) else record.attempts
            record = self._records.append(record, state=JobState.RUNNING, attempts=failures + 1, reason=None)
            self._live.publish_state(record)
            log.info("job.started", operation=record.operation, attempt=record.attempts)
        self._live.clear_sent(job_id)
        self._live.take_again(job_id)
        signals = Signals(self.draining)
        heartbeat = Heartbeat(record, holder, self._live, self._records, signals, self._beat_seconds)
        with heartbeat:
            self._attempt(record, signals, heartbeat)

    def _attempt(self, record: JobRecord, signals: Signals, heartbeat: Heartbeat) -> None:
        try:
            kind, handler = self._handlers[record.operation]
            request = kind.model_validate(record.request)
            with own_folder() as folder:
                store = project_store(self._store, record.project)
                workspace = Workspace(record, artifact_id(request), store, Path(folder), self._live, signals)
                used = charged(self._store, self._records, record, workspace)
                timed = self._live.counts.timed(record.operation)
                with used as meter, workspace.spending.kept(), timed:
                    heartbeat.also = (workspace.spending.keep, meter.beat)
                    outcome = handler(request, workspace)
                if isinstance(outcome, Waiting):
                    return
                if isinstance(outcome, Paused):
                    self._pause(record, outcome)
                    return
                if isinstance(outcome, ArtifactSummary):
                    signals.check()
                    outcome = Ended(JobState.SUCCEEDED, self._commit(request, workspace, outcome).id)
            self._end(
                record, outcome.state, artifact=outcome.artifact, reason=outcome.reason, error=outcome.error
            )
        except LeaseLost:
            log.warning("job.lease_lost", attempt=record.attempts)
        except Cancelled:
            self._end(record, JobState.CANCELLED, reason=Reason.CANCELLED)
        except Draining:
            self._requeue(record, "worker_draining", delay=0, failures=record.attempts - 1)
        except StaleRecord:
            raise
        except GamutError as error:
            log.warning("job.attempt_failed", reason=error.reason, detail=error.detail)
            self._fail(record, error)
        except Exception:
            log.exception("job.attempt_failed", reason=Reason.INTERNAL)
            self._fail(record, GamutError())

    def _pause(self, record: JobRecord, why: Paused) -> None:
        paused = self._records.append(
            record, state=JobState.PAUSED, reason=why.reason, error=why.error.problem()
        )
        log.info("job.paused", operation=paused.operation, reason=why.reason, detail=why.error.detail)
        self._live.publish_state(paused)

    def _commit(self, request: JobRequest, workspace: Workspace, summary: ArtifactSummary) -> Manifest:
        return workspace.output.commit(
            manifest_of(request, summary, job=workspace.job, packages=self._packages)
        )

    def _fail(self, record: JobRecord, error: GamutError) -> None:
        if error.reason is Reason.STORE_UNAVAILABLE:
            # Every job fails while the store does, by no fault of its own: waiting it out costs no attempt.
            self._requeue(record, error.reason, self._outage_seconds, error, failures=record.attempts - 1)
        elif error.reason in RETRIED and (
            (moved := self._moving.moved(record)) or record.attempts < self._max_attempts
        ):
            delay = backoff(record.attempts)
            self._requeue(record, error.reason, delay, error, failures=0 if moved else record.attempts)
        else:
            self._end(record, JobState.FAILED, reason=error.reason, error=error)

    def _requeue(
        self,
        record: JobRecord,
        reason: str,
        delay: float,
        error: GamutError | None = None,
        *,
        failures: int,
    ) -> None:
        """Put the job back on the queue; `failures` to make progress in a row bring it nearer to its end."""
        later = datetime.now(UTC) + timedelta(seconds=delay) if delay else None
        current = self._records.get(record.id)
        if current.state is JobState.CANCELLING:
            self._end(current, JobState.CANCELLED, reason=Reason.CANCELLED)
            return
        queued = self._records.append(
            record,
            state=JobState.QUEUED,
            reason=reason,
            not_before=later,
            error=error.problem() if error else None,
            attempts=failures,
        )
        self._live.publish_state(queued)
        if not delay:
            self._sender.send(queued)

    def _end(
        self,
        record: JobRecord,
        state: JobState,
        *,
        artifact: str | None = None,
        reason: Reason | None = None,
        error: GamutError | None = None,
    ) -> None:
        changes: dict[str, Any] = {"state": state, "artifact": artifact, "reason": reason}
        changes["error"] = error.problem() if error else None
        try:
            ended = self._records.append(record, **changes)
        except StaleRecord:  # cancelled, or taken over, while it ended
            current = self._records.get(record.id)
            if current.state is not JobState.CANCELLING or current.sequence != record.sequence + 1:
                raise
            ended = self._records.append(current, **changes)
        log.info("job.ended", operation=ended.operation, state=ended.state, reason=ended.reason)
        self._live.publish_state(ended)
        for waiting in self._live.take_waiting(ended.id):
            self._wake(waiting)

    def _wake(self, job_id: str) -> None:
        """Sends the coordinating job's message again, so that a worker goes on with it. Where one is on its
        way already, and no worker has taken it yet, nothing is sent: who takes it will see this end too."""
        if self._live.was_sent(job_id):
            return
        for record in self._records.readable([job_id]):
            if not record.state.ended:
                self._sender.send(record)

    def _look_again(self, job_id: str) -> None:
        """A message that came while a coordinating job was being looked at must not be lost."""
        if self._live.take_again(job_id):
            for record in self._records.readable([job_id]):
                if record.queue is Queue.COORDINATE and not record.state.ended:
                    self._sender.send(record)
