"""What is wrong is answered with where it is and what to do, and leaves nothing half-written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from embedded.client import GatewayClient, Json, Refused
from embedded.suite import Suite

GOOD = b'{"context": "Once there was a fox.", "completion": "It slept."}\n'


def refused(call: Callable[[], Any]) -> Json:
    with pytest.raises(Refused) as raised:
        call()
    return raised.value.problem


def artifacts(suite: Suite) -> list[str]:
    return sorted(
        str(path) for path in (suite.data_dir / "objects").glob("projects/*/artifacts/*/manifest.json")
    )


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        (GOOD * 2 + b'{"context": "broken\n' + GOOD, 3, "JSON"),
        (GOOD + b'{"context": "x", "ending": "y"}\n', 2, "completion"),
        (GOOD + b'{"context": "caf\xff", "completion": "y"}\n', 2, "UTF-8"),
        (GOOD + b'["not", "an", "object"]\n', 2, "object"),
        (GOOD + b'{"context": "x", "completion": 7}\n', 2, "text"),
    ],
    ids=["malformed", "wrong column", "invalid UTF-8", "not an object", "not text"],
)
def test_a_faulty_row_is_named_with_its_line(
    suite: Suite, gateway: GatewayClient, tmp_path: Path, content: bytes, line: int, said: str
) -> None:
    before = artifacts(suite)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    problem = refused(lambda: gateway.upload(path, "completion", {}))
    assert problem["code"] == "invalid_data"
    assert problem["errors"][0]["line"] == line
    assert problem["errors"][0]["pointer"].startswith("/rows/")
    assert said.lower() in json.dumps(problem).lower()
    assert artifacts(suite) == before


def test_an_empty_file_is_refused(gateway: GatewayClient, tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"")
    assert refused(lambda: gateway.upload(empty, "completion", {}))["errors"][0]["pointer"] == "/file/bytes"
    blank = tmp_path / "blank.jsonl"
    blank.write_bytes(b"\n\n")
    assert refused(lambda: gateway.upload(blank, "completion", {}))["code"] == "invalid_data"


def test_a_row_of_two_gigabytes_is_refused_in_bounded_memory(
    suite: Suite, gateway: GatewayClient, tmp_path: Path
) -> None:
    before = artifacts(suite)
    path = tmp_path / "large.jsonl"
    with path.open("wb") as file:  # sparse: two gigabytes of zero bytes inside one string
        file.write(b'{"context": "')
        file.seek(2 * 2**30)
        file.write(b'", "completion": "y"}\n')
    problem = refused(lambda: gateway.upload(path, "completion", {}))
    assert (problem["code"], problem["errors"][0]["line"]) == ("invalid_data", 1)
    assert artifacts(suite) == before


def test_a_wrong_digest_is_refused_and_can_be_mended(gateway: GatewayClient, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(GOOD * 3 + b"\n" * 7)
    honest = hashlib.sha256(path.read_bytes()).hexdigest()
    body = {"kind": "completion", "file": {"sha256": honest, "bytes": path.stat().st_size, "format": "jsonl"}}
    ticket = gateway.post("/v1/datasets", body)
    other = tmp_path / "other.jsonl"
    other.write_bytes(path.read_bytes().replace(b"fox", b"cat"))
    gateway._put_parts(other, ticket["uploads"][0]["parts"])
    job = gateway.post(f"/v1/datasets/{ticket['id']}/complete", {})
    assert gateway.wait(job["id"])["error"]["code"] == "invalid_data"
    assert gateway.upload(path, "completion", {}).startswith("dataset-")


def test_an_unknown_model_is_refused_by_name(gateway: GatewayClient, inputs: dict[str, str]) -> None:
    body = {"dataset": inputs["real"], "base": "nobody/has-this"}
    problem = refused(lambda: gateway.post("/v1/trainings", body))
    assert problem["errors"][0]["pointer"] == "/base"
    assert "nobody/has-this" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "change", "pointer"),
    [
        ("/v1/topics", {"count": -3}, "/count"),
        ("/v1/topics", {"cuont": 3}, "/cuont"),
        ("/v1/topics", {"source": {"name": "../etc"}}, "/source/name"),
    ],
    ids=["negative count", "unknown field", "a path for a name"],
)
def test_a_wrong_field_is_pointed_at(gateway: GatewayClient, path: str, change: Json, pointer: str) -> None:
    body = {"source": {"name": "stories"}, "count": 5} | change
    assert pointer in [error["pointer"] for error in refused(lambda: gateway.post(path, body))["errors"]]


def test_an_artifact_that_does_not_exist_is_pointed_at(gateway: GatewayClient) -> None:
    problem = refused(lambda: gateway.post("/v1/measurements", {"dataset": "dataset-" + "0" * 32}))
    assert problem["code"] == "input_missing"
    assert problem["errors"][0]["pointer"] == "/dataset"


def test_a_recipe_with_a_cycle_names_it(gateway: GatewayClient, small_recipe: Callable[[int], Json]) -> None:
    recipe = small_recipe(2)
    recipe["steps"]["pool"]["request"]["task"] = {"step": "answer"}
    problem = refused(lambda: gateway.post("/v1/experiments", recipe))
    assert "pool" in json.dumps(problem)
    assert problem["errors"][0]["pointer"].startswith("/steps/")
