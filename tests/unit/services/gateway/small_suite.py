"""The whole suite in one process: small operations, and the coordinator of production."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from services.gateway.catalogue import Catalogue, Operations
from services.gateway.experiments.coordination import Coordinator
from services.gateway.jobs.cancellation import Cancellation
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactSummary, JobRequest
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.workspace import Workspace
from shared.store.base import ObjectStore
from shared.testing import Bench
from tests.summaries import summary_of
from tests.unit.services.gateway.small_operations import OPERATIONS, REAL, TEST

PROJECT = "default"
Behave = Callable[[JobRequest, Workspace], None]
"""What a job does before it succeeds; may raise."""


class SmallSuite(Bench):
    def __init__(
        self,
        store: ObjectStore,
        redis_url: str,
        behaviour: Mapping[str, Behave] | None = None,
        operations: Operations = OPERATIONS,
    ) -> None:
        super().__init__(Path(), redis_url, store=store, project=PROJECT)
        self.operations = operations
        self.behaviour = dict(behaviour or {})
        self.ran: list[str] = []
        self.summaries: Callable[[JobRequest], dict[str, Any]] = lambda request: {}
        self.fewest_calls: Callable[[JobRequest], int | None] = lambda request: 0
        self.cancellation = Cancellation(self.records, self.live, self.sender)
        self.restart()
        for artifact in (REAL, TEST):
            give_artifact(self.corner, artifact)

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
        self.runner = self.worker(handlers)

    def post(self, request: JobRequest) -> JobRecord:
        return self.submit(request)

    def job_of(self, request: JobRequest) -> JobRecord | None:
        return next((r for r in self.records.all() if r.request == request.canonical()), None)

    def states(self) -> dict[str, JobState]:
        """The state of every job but the experiments'."""
        return {r.id: r.state for r in self.records.all() if r.operation != "experiment"}

    def _work(self, request: JobRequest, workspace: Workspace) -> ArtifactSummary:
        self.ran.append(workspace.job)
        if behave := self.behaviour.get(request.operation):
            behave(request, workspace)
        workspace.output.put_json("result.json", request.canonical())
        return summary_of(request, **{"made": True, **self.summaries(request)})


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
