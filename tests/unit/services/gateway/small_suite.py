"""The whole suite in one process: real records, leases, artifacts; a list in place of the broker's wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import redis

from services.gateway.catalogue import Catalogue, Operations
from services.gateway.experiments.coordination import Coordinator
from services.gateway.jobs.cancellation import Cancellation
from services.gateway.settings import GatewaySettings
from shared.artifacts import project_store
from shared.assembly import Platform
from shared.contracts.artifacts import Manifest
from shared.contracts.base import JobRequest
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.live import LiveJobs
from shared.jobs.reconciler import Reconciler
from shared.jobs.records import JobRecords
from shared.jobs.running import JobRunner
from shared.jobs.sending import Sender
from shared.jobs.submission import Submission
from shared.jobs.workspace import Workspace
from shared.queue import make_queue
from shared.store.base import ObjectStore
from tests.unit.services.gateway.small_operations import OPERATIONS, REAL, TEST

PROJECT = "default"
Behave = Callable[[JobRequest, Workspace], None]
"""What a job does before it succeeds; may raise."""


class SmallSuite:
    def __init__(
        self,
        store: ObjectStore,
        redis_url: str,
        behaviour: Mapping[str, Behave] | None = None,
        operations: Operations = OPERATIONS,
    ) -> None:
        self.store = store
        self.redis = redis.Redis.from_url(redis_url)
        self.operations = operations
        self.behaviour = dict(behaviour or {})
        self.wire: deque[str] = deque()
        self.ran: list[str] = []
        self.summaries: Callable[[JobRequest], dict[str, Any]] = lambda request: {}
        self.fewest_calls: Callable[[JobRequest], int | None] = lambda request: 0
        self.records = JobRecords(store)
        self.live = LiveJobs(self.redis, lease_seconds=30)
        self.sender = Sender(lambda queue, job: self.wire.append(job), self.live)
        self.submission = Submission(store, self.records, self.live, self.sender)
        self.cancellation = Cancellation(self.records, self.live, self.sender)
        self.reconciler = Reconciler(self.records, self.live, self.sender, grace_seconds=0, max_attempts=3)
        self.restart()
        for artifact in (REAL, TEST):
            give_artifact(project_store(store, PROJECT), artifact)

    def restart(self, read_seconds: float = 1000) -> None:
        """New worker processes: nothing is remembered. The coordinator hears of ends by being woken alone."""
        self.coordinator = Coordinator(
            self.records,
            self.live,
            self.submission,
            self.cancellation,
            Catalogue(self.operations),
            lambda project, request: self.fewest_calls(request),
            read_seconds,
        )
        handlers: dict[type[JobRequest], Any] = dict.fromkeys(self.operations.values(), self._work)
        handlers[ExperimentRequest] = self.coordinator.advance
        self.runner = JobRunner(
            self.store, self.records, self.live, self.sender, handlers, lease_seconds=30, max_attempts=3
        )

    def platform(self, settings: GatewaySettings) -> Platform:
        """What the gateway's process is connected to."""
        queue = make_queue(settings.redis_url.get_secret_value())
        return Platform(
            settings, self.store, self.redis, queue, self.records, self.live, self.sender, self.submission
        )

    def post(self, request: JobRequest) -> JobRecord:
        return self.submission.submit(PROJECT, request)

    def step(self) -> bool:
        """Deliver one message."""
        if not self.wire:
            return False
        self.runner.run(self.wire.popleft())
        return True

    def drain(self) -> None:
        """Deliver messages until there are none."""
        while self.step():
            pass

    def run(self, request: JobRequest) -> JobRecord:
        job = self.post(request)
        self.drain()
        return self.records.get(job.id)

    def job_of(self, request: JobRequest) -> JobRecord | None:
        return next((r for r in self.records.all() if r.request == request.canonical()), None)

    def states(self) -> dict[str, JobState]:
        """The state of every job but the experiments'."""
        return {r.id: r.state for r in self.records.all() if r.operation != "experiment"}

    def _work(self, request: JobRequest, workspace: Workspace) -> dict[str, Any]:
        self.ran.append(workspace.job)
        if behave := self.behaviour.get(request.operation):
            behave(request, workspace)
        workspace.output.put_json("result.json", request.canonical())
        return {"made": True} | self.summaries(request)


def give_artifact(store: ObjectStore, artifact: str) -> None:
    """An artifact that was there before."""
    kind = artifact.partition("-")[0]
    manifest = {
        "id": artifact, "kind": kind, "operation": "ingest", "version": 1, "request": {}, "inputs": {},
        "parts": [], "summary": {"kind": "text", "rows": 40, "contexts": 5}, "software": {}, "job": "job-0",
        "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    store.put(
        f"artifacts/{artifact}/manifest.json", Manifest.model_validate(manifest).model_dump_json().encode()
    )
