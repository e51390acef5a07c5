"""1,000 listeners of a job's events: memory of the gateway, and of the least server that sends events."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

LISTENERS = 1000
ROOT = Path(__file__).parents[2]


def megabytes(pid: int, field: str = "VmRSS") -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


def served(app: str, environment: dict[str, str], port: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        app,
        "--port",
        str(port),
        "--log-level",
        "warning",
    ]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/health").raise_for_status()
            return process
        except httpx.HTTPError:
            time.sleep(0.1)
    raise TimeoutError(app)


def with_listeners(app: str, environment: dict[str, str], path: str) -> tuple[float, float]:
    """(MB with nobody, MB with all of them listening)."""
    port = free_port()
    process = served(app, environment, port)
    try:
        idle = megabytes(process.pid)
        return idle, asyncio.run(_listen(port, path, process.pid))
    finally:
        process.terminate()
        process.wait()


async def _listen(port: int, path: str, pid: int) -> float:
    async def one() -> asyncio.StreamWriter:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"event: snapshot")
        return writer

    writers = []
    for _ in range(LISTENERS // 50):
        writers += await asyncio.gather(*(one() for _ in range(50)))
    used = megabytes(pid)
    for writer in writers:
        writer.close()
    return used


def bare() -> object:
    """The peer: sse-starlette on its own, one event and then silence."""
    from fastapi import FastAPI
    from sse_starlette import EventSourceResponse, ServerSentEvent

    app = FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/events")
    async def events() -> EventSourceResponse:
        async def silence():  # type: ignore[no-untyped-def]
            yield ServerSentEvent(data="{}", event="snapshot")
            await asyncio.sleep(3600)

        return EventSourceResponse(silence(), ping=15)

    return app


def measure(environment: dict[str, str]) -> tuple[float, float, float, float]:
    """MB of the gateway (idle, with listeners) and of the bare server (idle, with listeners)."""
    os.environ.update({key: value for key, value in environment.items() if key.startswith("GAMUT_")})
    from services.gateway.settings import GatewaySettings
    from shared.artifacts import project_store
    from shared.assembly import connect
    from shared.contracts.measurement import MeasurementRequest
    from tests.unit.services.gateway.small_suite import give_artifact

    platform = connect(GatewaySettings())
    dataset = "dataset-" + "b" * 32
    give_artifact(project_store(platform.store, "default"), dataset)
    job = platform.submission.submit("default", MeasurementRequest(dataset=dataset))
    ours = with_listeners("services.gateway.api:create_app", environment, f"/v1/jobs/{job.id}/events")
    return *ours, *with_listeners("benchmarks.gateway.listeners:bare", environment, "/events")
