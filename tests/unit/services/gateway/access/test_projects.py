"""Keys, and the wall between projects."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from services.gateway.access.keys import key_digest, new_key
from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from tests.unit.services.gateway.conftest import URL
from tests.unit.services.gateway.small_suite import SmallSuite

MINE, THEIRS, READER = new_key(), new_key(), new_key()


@pytest.fixture
def client(suite: SmallSuite, settings: GatewaySettings, tmp_path: Path) -> Iterator[TestClient]:
    file = tmp_path / "keys.json"
    entries = [
        {"digest": key_digest(MINE), "project": "mine", "owner": "me"},
        {"digest": key_digest(THEIRS), "project": "theirs", "owner": "them"},
        {"digest": key_digest(READER), "project": "mine", "owner": "a reader", "scopes": ["read"]},
    ]
    file.write_text(json.dumps(entries))
    settings = settings.model_copy(update={"api_keys_file": file})
    with TestClient(create_app(settings, suite.platform(settings), suite.operations), base_url=URL) as client:
        yield client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_without_a_key_nothing_is_answered_but_health(client: TestClient) -> None:
    assert client.get("/health").status_code == 200
    for path in ("/", "/v1/jobs", "/v1/datasets", "/v1/experiments"):
        answer = client.get(path)
        assert answer.status_code == 401
        assert "Bearer" in answer.headers["www-authenticate"]
    assert client.get("/v1/jobs", headers=bearer("gamut_guess")).status_code == 401
    assert client.post("/v1/experiments", content=b"not even read").status_code == 401


def test_projects_do_not_see_each_other(client: TestClient) -> None:
    job = client.post("/v1/topics", json={}, headers=bearer(MINE)).json()["id"]
    assert client.get(f"/v1/jobs/{job}", headers=bearer(MINE)).status_code == 200
    assert client.get(f"/v1/jobs/{job}", headers=bearer(THEIRS)).status_code == 404
    assert client.post(f"/v1/jobs/{job}/cancel", headers=bearer(THEIRS)).status_code == 404
    assert client.get("/v1/jobs", headers=bearer(THEIRS)).json()["items"] == []
    other = client.post("/v1/topics", json={}, headers=bearer(THEIRS)).json()["id"]
    assert other != job


def test_a_key_that_may_read_may_not_write(client: TestClient) -> None:
    assert client.get("/v1/jobs", headers=bearer(READER)).status_code == 200
    assert client.post("/v1/topics", json={}, headers=bearer(READER)).status_code == 403


def test_a_browser_gives_the_key_as_a_password(client: TestClient) -> None:
    basic = base64.b64encode(f"anybody:{MINE}".encode()).decode()
    assert client.get("/", headers={"Authorization": f"Basic {basic}"}).status_code == 200


def test_outside_the_embedded_mode_keys_must_be_given() -> None:
    with pytest.raises(ValidationError, match="GAMUT_API_KEYS_FILE"):
        GatewaySettings(store="s3", s3_access_key="a", s3_secret_key="b")  # type: ignore[arg-type]
