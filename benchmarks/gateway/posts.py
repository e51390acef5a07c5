"""The POST comparison: `python -m benchmarks.gateway.posts`, under callgrind, dumps its counters six times.

Sides, all in one process: `bare`, a FastAPI application with one validated route; `edge`, the same route
behind all that each request of ours goes through (body limit, origin check, problem+json, counters); `known`,
the gateway's own POST of a request whose artifact exists: validated, digested, found in the store, answered
with its job. The application is called as a server calls it, without a socket. Start-up is not counted, and
what costs the same for any number of requests cancels out between two numbers of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from shared.contracts.jobs import Job
from shared.contracts.measurement import MeasurementRequest

DATASET = "dataset-" + "a" * 32
WARMING = 3
RUNS = (10, 40)
BODY = json.dumps({"dataset": DATASET, "metrics": ["distinct", "entropy", "self_bleu"], "seed": 7}).encode()
JOB = Job.model_validate(
    {
        "id": "job-" + "0" * 32, "project": "default", "operation": "measure", "version": 1,
        "queue": "measure",
        "request": MeasurementRequest.model_validate_json(BODY).canonical(), "state": "succeeded",
        "artifact": "measurement-" + "0" * 32, "sequence": 2,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    }
)  # fmt: skip


def bare() -> FastAPI:
    app = FastAPI()
    add_route(app)
    return app


def edge() -> FastAPI:
    from services.gateway.access.origins import SameOrigin
    from shared.http.service import make_api

    app = make_api("edge", "", "1", {})
    app.add_middleware(SameOrigin)
    add_route(app)
    return app


def add_route(app: FastAPI) -> None:
    @app.post("/v1/measurements", status_code=200)
    def create_measurement(body: MeasurementRequest) -> Job:
        return JOB


def known() -> FastAPI:
    """The gateway, with the measurement made. GAMUT_REDIS_URL and GAMUT_DATA_DIR are the caller's."""
    from services.gateway.api import create_app
    from services.gateway.settings import GatewaySettings
    from shared.artifacts import project_store
    from shared.assembly import connect
    from shared.identity import artifact_id
    from tests.unit.services.gateway.small_suite import give_artifact

    settings = GatewaySettings(data_dir=Path(os.environ["GAMUT_DATA_DIR"]))
    platform = connect(settings)
    corner = project_store(platform.store, "default")
    give_artifact(corner, DATASET)
    give_artifact(corner, artifact_id(MeasurementRequest.model_validate_json(BODY)))
    return create_app(settings, platform)


async def drive(app: FastAPI, requests: int) -> int:
    length = str(len(BODY)).encode()
    headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", length)]
    answered = 0
    for _ in range(requests):
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
            "scheme": "http",
            "path": "/v1/measurements", "raw_path": b"/v1/measurements", "query_string": b"", "root_path": "",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
        }  # fmt: skip
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": BODY, "more_body": False}

        async def send(message: Any, statuses: list[int] = statuses) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        await app(scope, receive, send)
        answered += statuses == [200]
    return answered


def counted(app: FastAPI) -> None:
    """Dumps of the counters around as many requests as each of `RUNS` says, after a few that are in none."""
    asyncio.run(drive(app, WARMING))
    _callgrind("--zero")
    for requests in RUNS:
        assert asyncio.run(drive(app, requests)) == requests
        _callgrind("--dump")


def _callgrind(*command: str) -> None:
    subprocess.run(["callgrind_control", *command, str(os.getpid())], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    apps = [make() for make in (bare, edge, known)]
    _callgrind("--instr=on")
    for app in apps:
        counted(app)
