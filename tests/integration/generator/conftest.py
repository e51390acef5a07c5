"""Simulated servers on real sockets, and the service's worker around a real queue and store."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from aiohttp import web
from fastapi.testclient import TestClient

from services.generator.api import create_api
from services.generator.operations.handlers import handlers as generator_handlers
from services.generator.settings import GeneratorSettings
from shared.artifacts import Artifact, ArtifactWriter, project_store
from shared.assembly import connect
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind, JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.estimates import JobEstimate
from shared.contracts.jobs import JobRecord
from shared.datasets import CONTEXTS, ROWS
from shared.identity import digest
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.running import JobRunner
from shared.jobs.sending import Sender
from shared.jobs.submission import Submission
from shared.store.local import LocalStore
from tests.simulation.server import MODEL, Behaviour, SimulatedServer


@dataclass
class Simulated:
    """A simulated server in a thread of its own."""

    server: SimulatedServer
    url: str

    def source(self, **fields: Any) -> dict[str, Any]:
        return {"base_url": self.url, "model": MODEL, "revision": "1", **fields}


@contextmanager
def simulated_server(
    behaviour: Behaviour | None = None, kind: type[SimulatedServer] = SimulatedServer
) -> Iterator[Simulated]:
    server = kind(behaviour)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(server.app())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> int:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        return int(runner.addresses[0][1])

    port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    try:
        yield Simulated(server, f"http://127.0.0.1:{port}/v1")
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulated]]:
    """Starts simulated servers: `simulate(latency=0.1, refuse=0.2)`."""
    with ExitStack() as stack:
        yield lambda **behaviour: stack.enter_context(simulated_server(Behaviour(**behaviour)))


def upload(
    store: LocalStore,
    kind: DatasetKind,
    rows: list[dict[str, Any]],
    contexts: dict[str, str] | None = None,
    project: str = "p",
) -> str:
    """A dataset artifact of these rows in a project, as ingestion leaves it. Returns its id."""
    artifact_id = f"dataset-{digest([str(kind), rows, contexts])}"
    summary: dict[str, Any] = {"kind": str(kind), "rows": len(rows)}
    with tempfile.TemporaryDirectory() as folder:
        writer = ArtifactWriter(project_store(store, project), artifact_id, 1, Path(folder))
        writer.put_rows(ROWS, rows)
        if contexts:
            summary["contexts"] = writer.put_rows(
                CONTEXTS, [{"id": i, "text": t} for i, t in contexts.items()]
            )
        writer.commit(
            Manifest(
                id=artifact_id,
                kind=ArtifactKind.DATASET,
                operation="ingest",
                version=1,
                request={},
                inputs={},
                parts=[],
                summary=summary,
                software={},
                job="upload",
                created_at=datetime.now(UTC),
            )
        )
    return artifact_id


class Service:
    """The generator's worker: jobs are submitted and run, artifacts read."""

    def __init__(self, store: LocalStore, redis_url: str, sources: dict[str, Any], folder: Path) -> None:
        self.store = store
        self.folder = folder
        self.sources = sources
        self._api: TestClient | None = None
        self.patience = 30.0
        self.metrics_url = ""
        self.records = JobRecords(store)
        self.live = LiveJobs(redis.Redis.from_url(redis_url), lease_seconds=10)
        sender = Sender(lambda queue, job: None, self.live)
        self.submission = Submission(store, self.records, self.live, sender)
        self._sender = sender

    def run(self, request: JobRequest) -> JobRecord:
        job = self.submission.submit("p", request)
        handlers = generator_handlers(
            GeneratorSettings(
                sources=self.sources, source_patience_seconds=self.patience, metrics_url=self.metrics_url
            )
        )
        runner = JobRunner(
            self.store, self.records, self.live, self._sender, handlers, lease_seconds=10, max_attempts=1
        )
        runner.run(job.id)
        return self.records.get(job.id)

    def api(self) -> TestClient:
        """The service's own API on the same store, made once."""
        if self._api is None:
            self._api = self._make_api()
        return self._api

    def _make_api(self) -> TestClient:
        settings = GeneratorSettings(sources=self.sources, data_dir=self.folder)
        return TestClient(create_api(settings, replace(connect(settings), store=self.store)))

    def estimate(self, request: JobRequest, **coming: Any) -> JobEstimate:
        body = {"project": "p", "operation": request.operation, "request": request.canonical()}
        answer = self.api().post("/v1/estimate", json={**body, **coming}).raise_for_status()
        return JobEstimate.model_validate_json(answer.content)

    def artifact(self, record: JobRecord) -> Artifact:
        assert record.artifact is not None, record.error
        return Artifact.open(project_store(self.store, "p"), record.artifact)


@pytest.fixture
def service(local_store: LocalStore, redis_url: str, tmp_path: Path) -> Callable[..., Service]:
    """The service with these sources: `service(small=simulated.source())`."""

    def make(**sources: dict[str, Any]) -> Service:
        return Service(local_store, redis_url, sources, tmp_path)

    return make
