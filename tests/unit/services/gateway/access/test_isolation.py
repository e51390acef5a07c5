"""Every route of the API, asked with another project's key: what is one project's is nowhere for others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.gateway.access.keys import key_digest, new_key
from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from shared.artifacts import ArtifactWriter, find_manifest, project_store
from shared.contracts.datasets import IngestRequest
from shared.store.local import LocalStore
from tests.unit.services.gateway.conftest import URL
from tests.unit.services.gateway.small_operations import OPERATIONS, REAL, TEST, ladder
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite

MINE, THEIRS = new_key(), new_key()
OPEN = {
    "/v1/jobs/transitions",
    "/health",
    "/ready",
    "/metrics",
    "/openapi.json",
    "/docs",
}
"""Say nothing of any project."""


@pytest.fixture
def suite(local_store: LocalStore, redis_url: str) -> SmallSuite:
    return SmallSuite(local_store, redis_url, operations=OPERATIONS | {"ingest": IngestRequest})


@pytest.fixture
def client(suite: SmallSuite, settings: GatewaySettings, tmp_path: Path) -> Iterator[TestClient]:
    file = tmp_path / "keys.json"
    entries = [
        {"digest": key_digest(key), "project": project, "owner": "o", "scopes": ["read", "write", "audit"]}
        for key, project in ((MINE, PROJECT), (THEIRS, "theirs"))
    ]
    file.write_text(json.dumps(entries))
    settings = settings.model_copy(update={"api_keys_file": file})
    with TestClient(create_app(settings, suite.platform(settings), suite.operations), base_url=URL) as client:
        yield client


@pytest.fixture
def mine(client: TestClient, suite: SmallSuite, tmp_path: Path) -> dict[str, str]:
    """What a project has, by the name of the path's parameter that would name it."""
    head = {"Authorization": f"Bearer {MINE}"}
    experiment = client.post("/v1/experiments", json=ladder(topics=(1,), seeds=(1,)), headers=head).json()
    suite.drain()
    body = {"kind": "text", "file": {"sha256": "c" * 64, "bytes": 5, "format": "jsonl"}}
    ticket = client.post("/v1/datasets", json=body, headers=head).json()
    store = project_store(suite.store, PROJECT)
    manifest = find_manifest(store, REAL)
    assert manifest is not None
    writer = ArtifactWriter(store, REAL, 1, tmp_path)
    writer.put_rows("rows.jsonl", [{"text": "a row of mine"}])
    store.delete(f"artifacts/{REAL}/manifest.json")
    writer.commit(manifest)
    return {
        "job_id": experiment["id"],
        "dataset": REAL,
        "artifact": REAL,
        "upload": ticket["id"],
        "name": "rows.jsonl",
    }


def routes(client: TestClient) -> list[Any]:
    """Every route with methods: the app's own and those of the routers it includes."""
    app: Any = client.app
    routers = [included.original_router for included in app.routes if hasattr(included, "original_router")]
    found = [*app.routes, *(route for router in routers for route in router.routes)]
    return [route for route in found if hasattr(route, "path_format") and hasattr(route, "methods")]


def filled(path: str, ids: dict[str, str]) -> str:
    for name, value in ids.items():
        path = path.replace(f"{{{name}}}", value).replace(f"{{{name}:path}}", value)
    assert "{" not in path, f"the test has no value for {path}: add one"
    return path


def test_no_route_shows_or_touches_what_is_anothers(
    client: TestClient, suite: SmallSuite, mine: dict[str, str]
) -> None:
    secrets = {*mine.values(), TEST, "a row of mine"} - {"rows.jsonl"}
    before = {record.id: record.sequence for record in suite.records.all()}
    asked = 0
    for route in routes(client):
        if (
            route.path_format in OPEN
            or route.path_format.startswith("/objects")
            or "/recipes" in route.path_format
        ):
            continue
        path = filled(route.path_format, mine)
        for method in route.methods - {"HEAD"}:
            for head, expected in (({"Authorization": f"Bearer {THEIRS}"}, 404), ({}, 401)):
                query = needed(route.path_format)
                answer = client.request(
                    method, path, headers=head, params=query, json=body(path), follow_redirects=False
                )
                asked += 1
                if "{" in route.path_format or expected == 401:
                    assert answer.status_code == expected, (method, path, answer.text)
                else:
                    # 503: this suite has no metrics service to relay texts to, which are nobody's
                    assert answer.status_code in (200, 422, 503), (method, path, answer.text)
                sent = path + json.dumps(body(path))
                told = [secret for secret in secrets if secret in answer.text and secret not in sent]
                assert told == [], (method, path)
    assert asked > 60
    assert {record.id: record.sequence for record in suite.records.all()} == before


def needed(path: str) -> dict[str, str]:
    """The query without which the route answers nothing."""
    queries = {"/v1/audit": {"day": "2026-01-01"}, "/v1/artifacts/{artifact}/rows": {"part": "rows.jsonl"}}
    return queries.get(path, {})


def body(path: str) -> dict[str, Any] | None:
    """A request that names what the other project has."""
    bodies: dict[str, dict[str, Any]] = {
        "/v1/generations": {"topics": "topics-" + "0" * 32, "topic_count": 1, "examples": REAL},
        "/v1/measurements": {"dataset": REAL},
        "/v1/trainings": {"dataset": REAL},
        "/v1/evaluations": {"model": "model-" + "0" * 32, "dataset": REAL},
        "/v1/reports": {"runs": [{"name": "real", "dataset": REAL}]},
        "/v1/experiments": {},
        "/v1/topics": {"count": 0},
        "/v1/datasets": {"kind": "none"},
    }
    if path.endswith("/resume"):
        return {"budget": None}
    return bodies.get(path.removesuffix("/estimate"), {})


def test_the_owner_sees_all_of_it(client: TestClient, mine: dict[str, str]) -> None:
    """The same requests with the right key are answered: the test above tests something."""
    head = {"Authorization": f"Bearer {MINE}"}
    for route in routes(client):
        if "{" in route.path_format and "GET" in route.methods and "/objects" not in route.path_format:
            if "/recipes" in route.path_format:
                continue
            path, query = filled(route.path_format, mine), needed(route.path_format)
            answer = client.get(path, headers=head, params=query, follow_redirects=False)
            assert answer.status_code in (200, 307), (route.path_format, answer.text)


def test_an_address_is_good_for_one_object_one_method_and_a_while(
    client: TestClient, suite: SmallSuite, mine: dict[str, str]
) -> None:
    """Whoever holds one of the store's addresses has that object and nothing else."""
    head = {"Authorization": f"Bearer {MINE}"}
    path = f"/v1/artifacts/{REAL}/parts/rows.jsonl"
    address = client.get(path, headers=head, follow_redirects=False).headers["location"]
    assert client.get(address).text == '{"text": "a row of mine"}\n'
    manifest = re.sub(r"parts/1[^?]*-rows.jsonl", "manifest.json", address)
    assert manifest != address
    assert client.get(manifest).status_code == 403
    assert client.put(address, content=b"mine now").status_code == 403
    signature = address.partition("signature=")[2]
    assert client.get(address.replace(signature, "0" * 64)).status_code == 403
    expires = address.partition("expires=")[2].partition("&")[0]
    assert client.get(address.replace(expires, str(int(expires) + 3600))).status_code == 403
