"""Simulated servers on real sockets, and the service's worker around a real queue and store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.generator.api import create_api
from services.generator.operations.handlers import handlers as generator_handlers
from services.generator.settings import GeneratorSettings
from shared.artifacts import project_store
from shared.assembly import connect
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.estimates import JobEstimate
from shared.contracts.jobs import JobRecord
from shared.store.local import LocalStore
from shared.testing import Bench, put_dataset
from tests.simulation.server import MODEL, Behaviour, SimulatedServer
from tests.simulation.serving import serving


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
    with serving(server.app()) as address:
        yield Simulated(server, f"{address}/v1")


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
    """A dataset artifact of these rows in a project. Returns its id."""
    return put_dataset(project_store(store, project), rows, kind, contexts)


class Service(Bench):
    """The generator's worker, with the settings as they are when a job is run."""

    def __init__(self, store: LocalStore, redis_url: str, sources: dict[str, Any]) -> None:
        once = {"max_attempts": 1, "max_attempts_in_all": 1}  # also where an attempt has come some way
        super().__init__(Path(), redis_url, store=store, lease_seconds=10, **once)
        self.sources = sources
        self._api: TestClient | None = None
        self.patience = 30.0
        self.metrics_url = ""

    def run(self, request: JobRequest) -> JobRecord:
        """The job of this request, after one attempt."""
        settings = GeneratorSettings(
            sources=self.sources, source_patience_seconds=self.patience, metrics_url=self.metrics_url
        )
        job = self.submit(request)
        self.worker(generator_handlers(settings)).run(job.id)
        return self.records.get(job.id)

    def api(self) -> TestClient:
        """The service's own API on the same store, made once."""
        if self._api is None:
            self._api = self._make_api()
        return self._api

    def _make_api(self) -> TestClient:
        with tempfile.TemporaryDirectory() as folder:  # of a store that is not used: the test's own is
            settings = GeneratorSettings(sources=self.sources, data_dir=Path(folder))
            platform = replace(connect(settings), store=self.store)
        return TestClient(create_api(settings, platform))

    def estimate(self, request: JobRequest, **coming: Any) -> JobEstimate:
        body = {"project": "p", "operation": request.operation, "request": request.canonical()}
        answer = self.api().post("/v1/estimate", json={**body, **coming}).raise_for_status()
        return JobEstimate.model_validate_json(answer.content)


@pytest.fixture
def service(local_store: LocalStore, redis_url: str) -> Callable[..., Service]:
    """The service with these sources: `service(small=simulated.source())`."""

    def make(**sources: dict[str, Any]) -> Service:
        return Service(local_store, redis_url, sources)

    return make
