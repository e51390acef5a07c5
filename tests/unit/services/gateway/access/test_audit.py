"""Who asked for what is written down before it is done."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.gateway.access.keys import key_digest, key_id, new_key
from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from shared.errors import StoreUnavailable
from shared.store.local import LocalStore
from tests.unit.services.gateway.conftest import URL
from tests.unit.services.gateway.small_suite import SmallSuite

WRITER, AUDITOR, STRANGER = new_key(), new_key(), new_key()
ENTRIES = [
    {"digest": key_digest(WRITER), "project": "mine", "owner": "a writer"},
    {"digest": key_digest(AUDITOR), "project": "mine", "owner": "an auditor", "scopes": ["read", "audit"]},
    {"digest": key_digest(STRANGER), "project": "theirs", "owner": "them", "scopes": ["read", "audit"]},
]


@pytest.fixture
def client(suite: SmallSuite, settings: GatewaySettings, tmp_path: Path) -> Iterator[TestClient]:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(ENTRIES))
    settings = settings.model_copy(update={"api_keys_file": file})
    app = create_app(settings, suite.platform(settings), suite.operations)
    with TestClient(app, base_url=URL, raise_server_exceptions=False) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def entries(client: TestClient, key: str = AUDITOR, **query: Any) -> Any:
    day = datetime.now(UTC).date().isoformat()
    return client.get("/v1/audit", params={"day": day} | query, headers=bearer(key)).json()


def test_what_changes_something_is_written_down(client: TestClient) -> None:
    job = client.post("/v1/topics", json={}, headers=bearer(WRITER)).json()["id"]
    client.post(f"/v1/jobs/{job}/cancel", headers=bearer(WRITER))
    client.get("/v1/jobs", headers=bearer(WRITER))
    found = entries(client)["items"]
    assert [(entry["method"], entry["path"]) for entry in found] == [
        ("POST", "/v1/topics"),
        ("POST", f"/v1/jobs/{job}/cancel"),
    ]
    assert {(entry["owner"], entry["key"]) for entry in found} == {("a writer", key_id(key_digest(WRITER)))}
    assert WRITER not in json.dumps(found)


def test_it_comes_in_pages(client: TestClient) -> None:
    for seed in range(3):
        client.post("/v1/topics", json={"seed": seed}, headers=bearer(WRITER))
    first = entries(client, limit=2)
    rest = entries(client, limit=2, cursor=first["next"])
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)
    assert client.get("/v1/audit?day=2020-01-01&cursor=" + first["next"], headers=bearer(AUDITOR)).is_error


def test_only_the_projects_own_auditors_read_it(client: TestClient) -> None:
    client.post("/v1/topics", json={}, headers=bearer(WRITER))
    assert entries(client, STRANGER)["items"] == []
    assert client.get("/v1/audit?day=2026-01-01", headers=bearer(WRITER)).status_code == 403


def test_nothing_is_done_that_was_not_written_down(
    client: TestClient, suite: SmallSuite, local_store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = LocalStore.put

    def away(self: LocalStore, key: str, *rest: Any) -> None:
        if "/audit/" in key:
            raise StoreUnavailable
        put(self, key, *rest)

    monkeypatch.setattr(LocalStore, "put", away)
    assert client.post("/v1/topics", json={}, headers=bearer(WRITER)).status_code == 503
    assert list(suite.records.all()) == []


def test_those_without_a_key_cannot_fill_the_store(client: TestClient, local_store: LocalStore) -> None:
    before = [found.key for found in local_store.list("")]
    assert client.post("/v1/topics", json={}, headers=bearer("gamut_guess")).status_code == 401
    assert client.post("/v1/topics", json={}).status_code == 401
    assert [found.key for found in local_store.list("")] == before
