"""The gateway and a worker for every other queue, as processes of their own, over operations that do nothing.

uvicorn --factory tests.integration.gateway.noop:create_app
celery -A tests.integration.gateway.noop:coordinator worker -Q coordinate
celery -A tests.integration.gateway.noop:workers worker -Q generate,measure,train
python -m tests.integration.gateway.noop  (the reconciler)

TEST_RELEASE says of which release each is, as far as the store tells one from another (`tests/releases.py`).
"""

from __future__ import annotations

import os

from celery import Celery
from fastapi import FastAPI

from services.gateway import api, reconciler
from services.gateway.catalogue import Catalogue
from services.gateway.experiments.coordination import Coordinator
from services.gateway.settings import GatewaySettings
from shared.assembly import Platform, connect, make_worker
from shared.contracts.base import JobRequest
from shared.contracts.experiment import ExperimentRequest
from shared.jobs.workspace import Workspace
from tests.releases import release
from tests.summaries import AnySummary
from tests.unit.services.gateway.small_operations import OPERATIONS

STEPS = int(os.environ.get("NOOP_STEPS", "1"))


def create_app() -> FastAPI:
    settings = GatewaySettings()
    return api.create_app(settings, _connected(settings), OPERATIONS)


def work(request: JobRequest, workspace: Workspace) -> AnySummary:
    for step in range(STEPS):
        workspace.progress(step + 1, STEPS, "steps")
    workspace.output.put_json("result.json", request.canonical())
    workspace.log.info("noop.made", attempt=workspace.token)
    return AnySummary(made=True)


def _coordinator() -> Celery:
    settings = GatewaySettings()
    platform = _connected(settings)
    handler = Coordinator.on(platform, Catalogue(OPERATIONS), settings).advance
    return make_worker(settings, {ExperimentRequest: handler}, platform=platform)


def _workers() -> Celery:
    settings = GatewaySettings()
    handlers = dict.fromkeys(OPERATIONS.values(), work)
    return make_worker(settings, handlers, platform=_connected(settings))


def _connected(settings: GatewaySettings) -> Platform:
    store = release()(settings.data_dir / "objects", settings.public_url, settings.url_secret())
    return connect(settings, store)


def __getattr__(name: str) -> Celery:
    """Each process makes the one app it is started for."""
    if name == "coordinator":
        return _coordinator()
    if name == "workers":
        return _workers()
    raise AttributeError(name)


if __name__ == "__main__":
    reconciler.run(GatewaySettings(), _connected(GatewaySettings()))
