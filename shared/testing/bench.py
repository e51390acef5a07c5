"""A project's jobs in this process: the runner of production, and a list in place of the broker's wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

import redis

from shared.artifacts import Artifact, project_store
from shared.assembly import Platform
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind, FileFormat, UploadedFile
from shared.contracts.jobs import JobRecord, JobState
from shared.datasets import Row
from shared.jobs.live import LiveJobs
from shared.jobs.moving import Moving
from shared.jobs.reconciler import Reconciler
from shared.jobs.records import JobRecords
from shared.jobs.retries import OUTAGE_SECONDS
from shared.jobs.running import Handlers, JobRunner
from shared.jobs.sending import Sender
from shared.jobs.submission import Submission
from shared.queue import make_queue
from shared.settings import CommonSettings
from shared.store.base import ObjectStore
from shared.store.local import LocalStore
from shared.testing.datasets import put_dataset, put_upload


class Bench:
    """A store in `folder` (or the one given), the Redis at `redis_url`, and workers that know `handlers`.

    Attributes: `wire`, the ids of the jobs that were sent and not delivered yet; `sent`, of all that were
    ever sent; `runner`, the worker; and the parts that are wired: `store` (whole) and `corner` (the
    project's), `redis`, `records`, `live`, `sender`, `submission`, `reconciler`.
    """

    def __init__(
        self,
        folder: Path,
        redis_url: str,
        handlers: Handlers | None = None,
        *,
        store: ObjectStore | None = None,
        project: str = "p",
        lease_seconds: float = 30,
        max_attempts: int = 3,
        max_attempts_in_all: int = 100,
        outage_seconds: float = OUTAGE_SECONDS,
    ) -> None:
        self.folder = folder
        self.project = project
        self.store = store or LocalStore(
            folder / "objects", "http://gateway.test", "a secret of the bench's own"
        )
        self.redis_url = redis_url
        self.redis = redis.Redis.from_url(redis_url)
        self.wire: deque[str] = deque()
        self.sent: list[str] = []
        self.records = JobRecords(self.store)
        self.live = LiveJobs(self.redis, lease_seconds)
        self.sender = Sender(lambda queue, job: self._send(job), self.live)
        self.submission = Submission(self.store, self.records, self.live, self.sender)
        makes = {request.operation: request.produces for request in handlers or {}}
        self.reconciler = Reconciler(
            self.records,
            self.live,
            self.sender,
            grace_seconds=0,
            max_attempts=max_attempts,
            moved=Moving(self.store, self.records, max_attempts_in_all, makes).moved,
        )
        self._max_attempts_in_all = max_attempts_in_all
        self._lease_seconds = lease_seconds
        self._max_attempts = max_attempts
        self._outage_seconds = outage_seconds
        self.runner = self.worker(handlers or {})

    @property
    def corner(self) -> ObjectStore:
        return project_store(self.store, self.project)

    def worker(self, handlers: Handlers) -> JobRunner:
        """Another worker, which knows these handlers; make it `runner` and messages are delivered to it."""
        return JobRunner(
            self.store,
            self.records,
            self.live,
            self.sender,
            handlers,
            lease_seconds=self._lease_seconds,
            max_attempts=self._max_attempts,
            max_attempts_in_all=self._max_attempts_in_all,
            outage_seconds=self._outage_seconds,
        )

    def platform(self, settings: CommonSettings) -> Platform:
        """What a service's API would be connected to."""
        return Platform(
            settings,
            self.store,
            self.redis,
            make_queue(self.redis_url),
            self.records,
            self.live,
            self.sender,
            self.submission,
        )

    def submit(self, request: JobRequest, key: str | None = None) -> JobRecord:
        return self.submission.submit(self.project, request, key)

    def step(self) -> bool:
        """Deliver one message; False when there is none."""
        if not self.wire:
            return False
        self.runner.run(self.wire.popleft())
        return True

    def drain(self) -> None:
        """Deliver messages until there are none."""
        while self.step():
            pass

    def run(self, request: JobRequest) -> JobRecord:
        """The job of this request, once every message has been delivered."""
        job = self.submit(request)
        self.drain()
        return self.records.get(job.id)

    def make(self, request: JobRequest) -> Artifact:
        """The artifact of this request. Raises `AssertionError`, with its problem, when its job fails."""
        ended = self.run(request)
        assert ended.state is JobState.SUCCEEDED, (ended.state, ended.error)
        return self.artifact(ended)

    def artifact(self, record: JobRecord) -> Artifact:
        """What the job made. Raises `AssertionError`, with its problem, when it made nothing."""
        assert record.artifact is not None, record.error
        return Artifact.open(self.corner, record.artifact)

    def dataset(
        self,
        rows: Iterable[Row],
        kind: DatasetKind = DatasetKind.TEXT,
        contexts: Mapping[str, str] | None = None,
    ) -> str:
        """A dataset of the project (see `put_dataset`); returns its id."""
        return put_dataset(self.corner, rows, kind, contexts)

    def upload(self, content: bytes, file_format: FileFormat = "jsonl") -> UploadedFile:
        return put_upload(self.corner, content, file_format)

    def _send(self, job: str) -> None:
        self.wire.append(job)
        self.sent.append(job)
