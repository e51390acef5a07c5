from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from shared.store.local import LocalStore
from tests.unit.services.gateway.small_suite import SmallSuite

URL = "http://gateway.test"


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> GatewaySettings:
    return GatewaySettings(redis_url=redis_url, data_dir=tmp_path, public_url=URL)  # type: ignore[arg-type]


@pytest.fixture
def suite(local_store: LocalStore, redis_url: str) -> SmallSuite:
    return SmallSuite(local_store, redis_url)


@pytest.fixture
def client(suite: SmallSuite, settings: GatewaySettings) -> Iterator[TestClient]:
    """The gateway's API on the suite's parts; `suite.drain()` lets its workers work."""
    app = create_app(settings, suite.platform(settings), suite.operations)
    with TestClient(app, base_url=URL, raise_server_exceptions=False) as client:
        yield client
