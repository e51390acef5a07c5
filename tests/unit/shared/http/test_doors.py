"""Which hosts an API answers for, and what every answer says to a browser."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from shared.errors import NotFound
from shared.http.doors import HEADERS, DoorSettings, is_ours
from shared.http.service import make_api


def client(host: str = "127.0.0.1:8000", **settings: object) -> TestClient:
    doors = DoorSettings.model_validate(settings)
    api = make_api("Small", "A <small> one.", "1", {}, doors=doors)

    @api.get("/missing", tags=["things"])
    def get_missing() -> None:
        """Never <there>."""
        raise NotFound

    @api.get("/broken")
    def get_broken() -> None:
        raise RuntimeError

    return TestClient(api, base_url=f"http://{host}", raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/health", "/metrics", "/missing", "/broken", "/nowhere", "/docs"])
def test_every_answer_is_closed_to_browsers(path: str) -> None:
    told = client().get(path).headers
    assert all(name in told for name in HEADERS)
    assert told["X-Content-Type-Options"] == "nosniff"
    assert told["Cache-Control"] == "no-store"
    assert "default-src 'none'" in told["Content-Security-Policy"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8000", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_a_host_that_is_not_ours_is_refused(host: str, status: int) -> None:
    suite = client(allowed_hosts=["127.0.0.1", "localhost", "[::1]"])
    told = suite.get("/health", headers={"Host": host})
    assert told.status_code == status
    if status == 421:
        assert told.json()["code"] == "misdirected"


def test_where_no_host_is_named_all_are_answered() -> None:
    assert is_ours("anything", ("*",))


def test_metrics_may_ask_for_a_key() -> None:
    suite = client(metrics_key=SecretStr("open sesame"))
    assert suite.get("/metrics").status_code == 401
    assert suite.get("/metrics", headers={"Authorization": "Bearer open"}).status_code == 401
    assert suite.get("/metrics", headers={"Authorization": "Bearer open sesame"}).status_code == 200
    assert suite.get("/health").status_code == 200


def test_docs_need_nothing_from_elsewhere() -> None:
    page = client().get("/docs").text
    assert "GET /missing" in page
    assert "Never &lt;there&gt;." in page
    assert "<script" not in page
    assert re.findall(r"""(?:src|href)=["'](?:https?:)?//""", page) == []
