"""`/ready` names what does not answer, a store that only gives among it."""

from __future__ import annotations

from pathlib import Path

from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from shared.errors import StoreUnavailable
from shared.store.local import LocalStore
from tests.unit.services.gateway.small_suite import SmallSuite


class FullDisk(LocalStore):
    """Gives what it has, and takes names without bytes: those need none of what is used up."""

    full = False

    def put(self, key: str, data: bytes, media_type: str = "application/octet-stream") -> None:
        if self.full and data:
            raise StoreUnavailable
        super().put(key, data, media_type)


def test_a_full_disk_is_not_ready_and_it_is_the_stores(
    redis_url: str, tmp_path: Path, settings: GatewaySettings
) -> None:
    store = FullDisk(tmp_path / "objects")
    suite = SmallSuite(store, redis_url)
    with TestClient(create_app(settings, suite.platform(settings), suite.operations)) as client:
        assert client.get("/ready").json() == {"status": "ok", "failing": {}}
        store.full = True
        answer = client.get("/ready")
    assert (answer.status_code, answer.json()["failing"]) == (503, {"store": "StoreUnavailable"})
