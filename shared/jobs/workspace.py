"""What a handler sees of its job: inputs to read, parts to write, progress to tell, and when to stop."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import structlog

from shared.artifacts import Artifact, ArtifactWriter, scratch_store
from shared.contracts.jobs import JobRecord, Progress
from shared.jobs.live import LiveJobs
from shared.jobs.spending import Spending
from shared.store.base import ObjectStore

PUBLISH_SECONDS = 0.5


class Stopped(Exception):
    """The attempt must end now. Raised by `Workspace.check`; handlers let it pass."""


class Cancelled(Stopped):
    """Somebody cancelled the job."""


class LeaseLost(Stopped):
    """Another worker has the job: whatever this one still did would be thrown away."""


class Draining(Stopped):
    """This worker is shutting down; the job goes back to the queue."""


class Signals:
    """Set by the heartbeat, read by the handler's thread at every step."""

    def __init__(self, draining: threading.Event) -> None:
        self.cancelled = threading.Event()
        self.lost = threading.Event()
        self.draining = draining

    def check(self) -> None:
        if self.lost.is_set():
            raise LeaseLost
        if self.cancelled.is_set():
            raise Cancelled
        if self.draining.is_set():
            raise Draining


class Workspace:
    """One attempt at one job.

    `store` is the project's corner of the object store; `scratch` holds what attempts hand on to each
    other (journals, checkpoints) and survives them; `folder` is a temporary directory that does not.
    `spending` is what the attempt tells of what it takes.
    `token` numbers the attempt: a later one has a higher number, also where `attempts` starts again (a job
    taken up again) or does not count (a drained worker, an outage of the store).
    """

    def __init__(
        self,
        record: JobRecord,
        artifact_id: str,
        store: ObjectStore,
        folder: Path,
        live: LiveJobs,
        signals: Signals,
    ) -> None:
        self.job = record.id
        self.project = record.project
        self.key = record.key
        self.tokens = 0
        self.artifact_id = artifact_id
        self.token = record.sequence
        self.store = store
        self.folder = folder
        self.scratch: ObjectStore = scratch_store(store, artifact_id)
        self.spending = Spending(store, artifact_id, self.token)
        self.output = ArtifactWriter(store, artifact_id, self.token, folder)
        self.log = structlog.get_logger("job")
        self._live = live
        self._signals = signals
        self._started = time.monotonic()
        self._start_done: float | None = None
        self._published = 0.0

    def input(self, artifact_id: str) -> Artifact:
        return Artifact.open(self.store, artifact_id)

    def check(self) -> None:
        """Call at every step, at least every few seconds. Raises `Stopped` when the attempt must end."""
        self._signals.check()

    def progress(
        self,
        done: float,
        total: float | None = None,
        unit: str = "",
        *,
        note: str = "",
        ok: int = 0,
        failed: int = 0,
        tokens: int = 0,
        **detail: Any,
    ) -> None:
        """Tell listeners how far the job is; cheap to call at every step. Also calls `check`."""
        self.check()
        self.tokens = tokens
        now = time.monotonic()
        if self._start_done is None:
            self._start_done = done
        if now - self._published < PUBLISH_SECONDS and done != total:
            return
        self._published = now
        elapsed = now - self._started
        rate = (done - self._start_done) / elapsed if elapsed > 0 and done > self._start_done else None
        eta = (total - done) / rate if rate and total is not None else None
        self._live.publish_progress(
            self.job,
            Progress(
                done=done, total=total, unit=unit, note=note, rate=rate, eta_seconds=eta,
                ok=ok, failed=failed, tokens=tokens, detail=detail,
            ),
        )  # fmt: skip
