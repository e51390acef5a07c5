"""A gateway, its coordinator, its reconciler and a worker as processes, on a real Redis-protocol server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from shared.artifacts import project_store
from shared.store.local import LocalStore
from tests.ports import free_port
from tests.unit.services.gateway.small_operations import REAL, TEST
from tests.unit.services.gateway.small_suite import give_artifact
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[3]
CELERY = (
    "--pool",
    "solo",
    "--loglevel",
    "WARNING",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
)
APP = "tests.integration.gateway.noop"


class Processes:
    """Starts the suite's processes by name, kills them, starts them again."""

    def __init__(self, folder: Path, environment: dict[str, str], port: int) -> None:
        self.folder = folder
        self.url = f"http://127.0.0.1:{port}"
        self._environment = environment
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        python = sys.executable
        self._commands: dict[str, list[str]] = {
            "gateway": [
                *(python, "-m", "uvicorn", "--factory", f"{APP}:create_app"),
                *("--port", str(port), "--log-level", "warning"),
            ],
            "coordinator": _worker(python, "coordinator", "coordinate"),
            "worker": _worker(python, "workers", "generate,measure,train"),
            "reconciler": [python, "-m", APP],
        }

    def start(self, *names: str, release: str = "this") -> None:
        """Processes of this release, or of the `previous` or the `next` one."""
        environment = self._environment | {"TEST_RELEASE": release}
        for name in names:
            with (self.folder / f"{name}.log").open("ab") as log:
                self._running[name] = subprocess.Popen(
                    self._commands[name], cwd=ROOT, env=environment, stdout=log, stderr=log
                )

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running.pop(name).wait()

    def stop(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def returncode(self, name: str, seconds: float) -> int:
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(seconds)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    @retry(
        stop=stop_after_delay(PATIENCE), wait=wait_fixed(0.1), retry=retry_if_exception_type(httpx.HTTPError)
    )
    def wait_until_ready(self) -> None:
        httpx.get(f"{self.url}/ready").raise_for_status()


def _worker(python: str, app: str, queues: str) -> list[str]:
    return [python, "-m", "celery", "-A", f"{APP}:{app}", "worker", "-Q", queues, *CELERY]


@pytest.fixture
def processes(tmp_path: Path, redis_url: str) -> Iterator[Processes]:
    port = free_port()
    environment = os.environ | {
        "GAMUT_REDIS_URL": redis_url,
        "GAMUT_DATA_DIR": str(tmp_path),
        "GAMUT_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "GAMUT_LEASE_SECONDS": "3",
        "GAMUT_RECONCILE_SECONDS": "0.2",
        "PYTHONPATH": str(ROOT),
    }
    corner = project_store(LocalStore(tmp_path / "objects"), "default")
    for artifact in (REAL, TEST):
        give_artifact(corner, artifact)
    made = Processes(tmp_path, environment, port)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def http(processes: Processes) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=processes.url, timeout=60) as client:
        yield client
