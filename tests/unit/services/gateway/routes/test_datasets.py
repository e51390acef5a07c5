"""Rows come in through presigned addresses, and are looked at page by page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from shared.artifacts import Artifact, ArtifactWriter, project_store
from shared.contracts.artifacts import Manifest
from shared.contracts.base import JobRequest
from shared.contracts.datasets import IngestRequest
from shared.contracts.problems import FieldError
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace
from shared.store.local import LocalStore
from tests.unit.services.gateway.conftest import URL
from tests.unit.services.gateway.small_operations import OPERATIONS, REAL
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite

ROWS = b'{"text": "one"}\n{"text": "two"}\n'


def described(data: bytes, form: str = "jsonl") -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data), "format": form}


def announced(data: bytes = ROWS, **fields: Any) -> dict[str, Any]:
    return {"kind": "text", "file": described(data)} | fields


@pytest.fixture
def suite(local_store: LocalStore, redis_url: str) -> SmallSuite:
    return SmallSuite(local_store, redis_url, operations=OPERATIONS | {"ingest": IngestRequest})


def put_all(client: TestClient, ticket: dict[str, Any], files: dict[str, bytes]) -> None:
    for upload in ticket["uploads"]:
        for part in upload["parts"]:
            stretch = files[upload["role"]][part["offset"] : part["offset"] + part["bytes"]]
            assert client.put(part["url"], content=stretch).status_code == 200


def test_a_file_becomes_a_dataset(client: TestClient, suite: SmallSuite) -> None:
    answer = client.post("/v1/datasets", json=announced())
    ticket = answer.json()
    assert (answer.status_code, ticket["job"]) == (201, None)
    put_all(client, ticket, {"file": ROWS})
    done = client.post(f"/v1/datasets/{ticket['id']}/complete")
    assert (done.status_code, done.json()["operation"]) == (202, "ingest")
    key = f"uploads/{hashlib.sha256(ROWS).hexdigest()}"
    assert project_store(suite.store, PROJECT).get(key) == ROWS
    suite.drain()
    ended = client.get(done.headers["location"]).json()
    assert ended["artifact"] == ticket["dataset"]


def test_completing_twice_is_the_same(client: TestClient) -> None:
    ticket = client.post("/v1/datasets", json=announced()).json()
    put_all(client, ticket, {"file": ROWS})
    first, second = (client.post(f"/v1/datasets/{ticket['id']}/complete").json()["id"] for _ in range(2))
    assert first == second


def test_what_is_there_is_not_uploaded_again(client: TestClient, suite: SmallSuite) -> None:
    ticket = client.post("/v1/datasets", json=announced()).json()
    put_all(client, ticket, {"file": ROWS})
    client.post(f"/v1/datasets/{ticket['id']}/complete")
    again = client.post("/v1/datasets", json=announced()).json()
    assert (again["uploads"], again["job"]) == ([], None)  # the bytes are there, the dataset is not yet
    assert client.post(f"/v1/datasets/{again['id']}/complete").status_code == 202
    suite.drain()
    answer = client.post("/v1/datasets", json=announced())
    assert (answer.status_code, answer.json()["uploads"]) == (200, [])
    assert answer.json()["job"]["artifact"] == ticket["dataset"]


def test_bytes_that_were_another_file_are_asked_for_again(client: TestClient, suite: SmallSuite) -> None:
    def check(request: JobRequest, workspace: Workspace) -> None:
        assert isinstance(request, IngestRequest)
        came = hashlib.sha256(workspace.store.get(f"uploads/{request.file.sha256}")).hexdigest()
        if came != request.file.sha256:
            raise InvalidData("another file", [FieldError(pointer="/file/sha256", detail="differs")])

    suite.behaviour["ingest"] = check
    ticket = client.post("/v1/datasets", json=announced()).json()
    put_all(client, ticket, {"file": ROWS.replace(b"one", b"eno")})
    job = client.post(f"/v1/datasets/{ticket['id']}/complete").json()
    suite.drain()
    assert client.get(f"/v1/jobs/{job['id']}").json()["error"]["code"] == "invalid_data"
    again = client.post("/v1/datasets", json=announced()).json()
    put_all(client, again, {"file": ROWS})
    client.post(f"/v1/datasets/{again['id']}/complete")
    suite.drain()
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded"


def test_contexts_come_as_a_file_of_their_own(client: TestClient) -> None:
    contexts = b'{"context_id": "c", "text": "long"}\n'
    body = announced(kind="qa", contexts=described(contexts))
    ticket = client.post("/v1/datasets", json=body).json()
    assert [upload["role"] for upload in ticket["uploads"]] == ["file", "contexts"]
    put_all(client, ticket, {"file": ROWS, "contexts": contexts})
    assert client.post(f"/v1/datasets/{ticket['id']}/complete").status_code == 202


def test_an_upload_with_missing_parts_is_not_complete(client: TestClient, suite: SmallSuite) -> None:
    ticket = client.post("/v1/datasets", json=announced()).json()
    answer = client.post(f"/v1/datasets/{ticket['id']}/complete")
    assert answer.status_code == 422
    assert "not put yet" in answer.json()["detail"]
    assert list(suite.records.all()) == []
    put_all(client, ticket, {"file": ROWS})
    assert client.post(f"/v1/datasets/{ticket['id']}/complete").status_code == 202


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"kind": "poem"}, "/kind"),
        ({"file": described(ROWS) | {"bytes": 0}}, "/file/bytes"),
        ({"file": described(ROWS) | {"bytes": -5}}, "/file/bytes"),
        ({"file": described(ROWS) | {"sha256": "../../x"}}, "/file/sha256"),
        ({"file": described(ROWS, "xls")}, "/file/format"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_a_wrong_announcement_is_pointed_at(client: TestClient, fields: dict[str, Any], pointer: str) -> None:
    answer = client.post("/v1/datasets", json=announced() | fields)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_more_or_fewer_bytes_than_announced_are_refused(
    client: TestClient, suite: SmallSuite, tmp_path: Path
) -> None:
    [part] = client.post("/v1/datasets", json=announced()).json()["uploads"][0]["parts"]
    assert client.put(part["url"], content=ROWS + b"x").status_code == 413
    assert client.put(part["url"], content=ROWS[:-1]).status_code == 422
    assert client.put(part["url"], content=iter([b"x" * 2**20] * 3)).status_code == 413
    assert list((tmp_path / "objects" / ".staging").iterdir()) == []
    assert client.put(part["url"], content=ROWS).status_code == 200


def test_an_address_is_good_for_one_method_on_one_object_and_a_while(
    client: TestClient, local_store: LocalStore
) -> None:
    from datetime import timedelta

    local_store.put("projects/default/a.txt", b"secret")
    good = local_store.sign("GET", "projects/default/a.txt", timedelta(minutes=1))
    assert client.get(good).content == b"secret"
    for bad in (
        good.replace("a.txt", "b.txt"),
        good[:-1] + ("0" if good[-1] != "0" else "1"),
        local_store.sign("GET", "projects/default/a.txt", timedelta(seconds=-1)),
        good.replace("a.txt", "%2e%2e/%2e%2e/url-secret"),
        local_store.sign("PUT", "projects/default/a.txt-6", timedelta(minutes=1)),
    ):
        assert client.get(bad).status_code == 403, bad
    assert client.put(good, content=b"x").status_code == 403
    assert client.get(f"{URL}/objects/projects/default/a.txt").status_code == 422


def test_a_part_of_an_object_can_be_read(client: TestClient, local_store: LocalStore) -> None:
    from datetime import timedelta

    local_store.put("a.txt", b"0123456789")
    url = local_store.sign("GET", "a.txt", timedelta(minutes=1))
    answer = client.get(url, headers={"range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_with_another_store_there_is_no_object_route(
    suite: SmallSuite, settings: GatewaySettings, tmp_path: Path
) -> None:
    from shared.store.prefixed import PrefixedStore

    suite.store = PrefixedStore(suite.store, "elsewhere")
    app = create_app(settings, suite.platform(settings), suite.operations)
    assert not [route for route in app.routes if str(getattr(route, "path", "")).startswith("/objects")]


def rows_of(texts: Iterator[str] | list[str]) -> list[dict[str, Any]]:
    return [{"id": f"r{number}", "text": text} for number, text in enumerate(texts)]


def give_measurement(store: LocalStore, lists: dict[str, list[dict[str, Any]]], folder: Path) -> str:
    """A measurement with these lists of rows."""
    artifact = "measurement-" + "d" * 32
    writer = ArtifactWriter(project_store(store, PROJECT), artifact, 1, folder)
    for part, rows in lists.items():
        writer.put_rows(part, rows)
    writer.commit(
        Manifest.model_validate(
            {
                "id": artifact, "kind": "measurement", "operation": "measure", "version": 1, "request": {},
                "inputs": {}, "parts": [], "summary": {"rows": 1, "tokens": 1}, "software": {},
                "job": "job-0", "created_at": "2026-01-01T00:00:00Z",
            }
        )
    )  # fmt: skip
    return artifact


def give_rows(store: LocalStore, rows: list[dict[str, Any]], folder: Path) -> str:
    artifact = "dataset-" + "c" * 32
    corner = project_store(store, PROJECT)
    writer = ArtifactWriter(corner, artifact, 1, folder)
    writer.put_rows("rows.jsonl", rows)
    writer.put_json("other.json", {})
    writer.commit(
        Manifest.model_validate(
            {
                "id": artifact, "kind": "dataset", "operation": "ingest", "version": 1, "request": {},
                "inputs": {}, "parts": [], "summary": {"kind": "text", "rows": len(rows)}, "software": {},
                "job": "job-0", "created_at": "2026-01-01T00:00:00Z",
            }
        )
    )  # fmt: skip
    return artifact


@pytest.mark.parametrize(
    "texts",
    [
        [f"row {number}" for number in range(101)],
        ["x" * 200_000, "y", "z" * 100_000, "ü" * 70_000, "", "end"],
        [],
    ],
    ids=["short", "long", "none"],
)
@pytest.mark.parametrize("limit", [1, 7, 200])
def test_rows_are_paged_in_their_order(
    client: TestClient, local_store: LocalStore, tmp_path: Path, texts: list[str], limit: int
) -> None:
    rows = rows_of(texts)
    dataset = give_rows(local_store, rows, tmp_path)
    seen: list[Any] = []
    cursor: str | None = None
    for _ in range(len(rows) + 1):
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = client.get(f"/v1/datasets/{dataset}/rows", params=query).json()
        assert page["total"] == len(rows)
        assert len(page["rows"]) <= limit
        seen += page["rows"]
        if (cursor := page["next"]) is None:
            break
    assert seen == rows


def test_a_cursor_into_the_middle_of_a_row_is_refused(
    client: TestClient, local_store: LocalStore, tmp_path: Path
) -> None:
    from services.gateway.cursors import write_cursor

    dataset = give_rows(local_store, rows_of(["one", "two"]), tmp_path)
    for cursor in (write_cursor(3), write_cursor(-1), write_cursor(10**9), write_cursor("x"), "%%"):
        answer = client.get(f"/v1/datasets/{dataset}/rows", params={"cursor": cursor})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/cursor"


def test_only_parts_with_rows_are_paged(client: TestClient, local_store: LocalStore, tmp_path: Path) -> None:
    dataset = give_rows(local_store, rows_of(["one"]), tmp_path)
    for part in ("other.json", "nothing.jsonl", "../../x"):
        answer = client.get(f"/v1/datasets/{dataset}/rows", params={"part": part})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/part"


def test_parts_are_downloaded_from_the_store(
    client: TestClient, local_store: LocalStore, tmp_path: Path
) -> None:
    dataset = give_rows(local_store, rows_of(["one"]), tmp_path)
    answer = client.get(f"/v1/artifacts/{dataset}/parts/rows.jsonl", follow_redirects=False)
    assert answer.status_code == 307
    assert json.loads(client.get(answer.headers["location"]).content) == {"id": "r0", "text": "one"}
    missing = client.get(f"/v1/artifacts/{dataset}/parts/no.csv")
    assert missing.status_code == 404
    assert "rows.jsonl" in missing.json()["detail"]


def test_datasets_are_listed_whoever_made_them(client: TestClient, suite: SmallSuite) -> None:
    def is_there(request: JobRequest, workspace: Workspace) -> None:
        workspace.input(REAL)

    suite.behaviour["generate"] = is_there
    topics = client.post("/v1/topics", json={}).json()
    suite.drain()
    pool = client.get(f"/v1/jobs/{topics['id']}").json()["artifact"]
    client.post("/v1/generations", json={"topics": pool, "topic_count": 1, "examples": REAL})
    ticket = client.post("/v1/datasets", json=announced()).json()
    put_all(client, ticket, {"file": ROWS})
    client.post(f"/v1/datasets/{ticket['id']}/complete")
    suite.drain()
    for known in (False, True):
        if known:
            suite.live.mark_index_known()
        listed = client.get("/v1/datasets").json()["items"]
        assert [found["operation"] for found in listed] == ["ingest", "generate"]
        kinds = [found["kind"] for found in client.get("/v1/artifacts").json()["items"]]
        assert kinds == ["dataset", "dataset", "topics"]
        assert [found["id"] for found in client.get("/v1/artifacts?kind=topics").json()["items"]] == [pool]


def test_lineage_leads_to_the_root_and_to_all_that_came_of_it(client: TestClient, suite: SmallSuite) -> None:
    from tests.unit.services.gateway.small_operations import ladder

    client.post("/v1/experiments", json=ladder(topics=(1, 5), seeds=(1,)))
    suite.drain()
    nodes = client.get("/v1/artifacts?kind=model&limit=200").json()["items"]
    generated = next(
        n["id"] for n in nodes if client.get(f"/v1/artifacts/{n['id']}").json()["inputs"]["dataset"] != REAL
    )
    lineage = client.get(f"/v1/artifacts/{generated}/lineage").json()
    kinds = sorted(node["kind"] for node in lineage["nodes"])
    assert kinds == ["dataset", "dataset", "evaluation", "model", "report", "topics"]
    assert REAL in [node["id"] for node in lineage["nodes"]]
    edges = {(edge["from"].partition("-")[0], edge["to"].partition("-")[0]) for edge in lineage["edges"]}
    assert {
        ("topics", "dataset"),
        ("dataset", "model"),
        ("model", "evaluation"),
        ("evaluation", "report"),
    } <= edges
    root = client.get(f"/v1/artifacts/{REAL}/lineage").json()
    assert len(root["nodes"]) > len(lineage["nodes"])


def test_a_damaged_dataset_is_told_and_the_same_upload_brings_it_back(
    client: TestClient, suite: SmallSuite
) -> None:
    def read(request: JobRequest, workspace: Workspace) -> None:
        workspace.output.put("rows.jsonl", ROWS, "application/jsonl")

    suite.behaviour["ingest"] = read
    ticket = client.post("/v1/datasets", json=announced()).json()
    put_all(client, ticket, {"file": ROWS})
    client.post(f"/v1/datasets/{ticket['id']}/complete")
    suite.drain()
    corner = project_store(suite.store, PROJECT)
    rows = f"/v1/datasets/{ticket['dataset']}/rows"
    assert client.get(rows).json()["total"] == 2
    corner.put(Artifact.open(corner, ticket["dataset"]).key("rows.jsonl"), ROWS[:16])
    told = client.get(rows)
    assert (told.status_code, told.json()["code"]) == (422, "damaged_artifact")
    assert ticket["dataset"] in told.json()["detail"]
    again = client.post("/v1/datasets", json=announced())
    assert (again.status_code, again.json()["dataset"]) == (201, ticket["dataset"])
    job = client.post(f"/v1/datasets/{again.json()['id']}/complete").json()
    suite.drain()
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded"
    assert client.get(rows).json()["total"] == 2


def test_rows_that_a_measurement_names_are_read_page_by_page(
    client: TestClient, local_store: LocalStore, tmp_path: Path
) -> None:
    uncovered = [{"id": f"r{number}", "text": f"far {number}", "distance": 1.0} for number in range(5)]
    artifact = give_measurement(local_store, {"uncovered.jsonl": uncovered}, tmp_path)
    address = f"/v1/artifacts/{artifact}/rows"
    first = client.get(address, params={"part": "uncovered.jsonl", "limit": 3}).json()
    rest = client.get(address, params={"part": "uncovered.jsonl", "cursor": first["next"]}).json()
    assert (first["rows"] + rest["rows"], first["total"], rest["next"]) == (uncovered, 5, None)
    wrong = client.get(address, params={"part": "nothing.jsonl"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/part")
    assert client.get(address).status_code == 422
