"""Recipes over HTTP."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from fastapi.testclient import TestClient

from shared.contracts.operations import OPERATIONS as REAL_OPERATIONS
from tests.unit.services.gateway.small_operations import OPERATIONS, ladder
from tests.unit.services.gateway.small_suite import SmallSuite

YAML = {"content-type": "application/yaml"}


def small() -> dict[str, Any]:
    return ladder(topics=(1, 5), seeds=(1,))


def test_a_recipe_runs_to_its_report(client: TestClient, suite: SmallSuite) -> None:
    answer = client.post("/v1/experiments", json=small())
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{job['id']}")
    suite.drain()
    ended = client.get(answer.headers["location"]).json()
    assert ended["state"] == "succeeded"
    assert client.get(f"/v1/artifacts/{ended['artifact']}").json()["kind"] == "report"
    again = client.post("/v1/experiments", json=small())
    assert (again.status_code, again.json()["id"]) == (200, job["id"])


def test_yaml_and_json_are_the_same_experiment(client: TestClient) -> None:
    first = client.post("/v1/experiments", json=small()).json()
    second = client.post("/v1/experiments", content=yaml.safe_dump(small()), headers=YAML).json()
    assert first["id"] == second["id"]


def circle() -> dict[str, Any]:
    document = small()
    document["steps"]["pool"]["request"]["seed"] = {"step": "tested"}
    return document


def without_an_input() -> dict[str, Any]:
    document = small()
    document["inputs"]["real"] = "dataset-" + "0" * 32
    return document


def negative() -> dict[str, Any]:
    document = small()
    document["sweep"]["topics"] = [1, -5]
    return document


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        (circle(), "/steps/pool/request/seed/step"),
        (without_an_input(), "/inputs/real"),
        (negative(), "/sweep/topics/1"),
        (small() | {"colour": "red"}, "/colour"),
        (small() | {"sweep": {"topics": [1, 1]}}, "/sweep/topics"),
        (small() | {"inputs": {"Real": "dataset-" + "0" * 32}}, "/inputs/Real"),
        ({}, "/name"),
    ],
)
def test_a_wrong_recipe_is_pointed_at_and_leaves_nothing(
    client: TestClient, suite: SmallSuite, document: dict[str, Any], pointer: str
) -> None:
    for body, headers in (
        (json.dumps(document), {"content-type": "application/json"}),
        (yaml.safe_dump(document, sort_keys=False), YAML),
    ):
        answer = client.post("/v1/experiments", content=body, headers=headers)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert list(suite.records.all()) == []
    assert list(suite.records.active()) == []


def test_documents_of_other_kinds_are_refused(client: TestClient) -> None:
    assert (
        client.post("/v1/experiments", content="<a/>", headers={"content-type": "text/xml"}).status_code
        == 415
    )
    line = client.post("/v1/experiments", content=b"a: 1\na: 2", headers=YAML).json()["errors"][0]["line"]
    assert line == 2
    assert client.post("/v1/experiments", content=b"a" * (2**18 + 1), headers=YAML).status_code == 413


def test_an_experiment_is_shown_with_each_of_its_jobs(client: TestClient, suite: SmallSuite) -> None:
    job = client.post("/v1/experiments", json=small()).json()["id"]
    shown = client.get(f"/v1/experiments/{job}").json()
    assert {node["state"] for node in shown["nodes"]} == {"waiting"}
    suite.step()
    states = {node["name"]: node["state"] for node in client.get(f"/v1/experiments/{job}").json()["nodes"]}
    assert (states["pool"], states["answer"]) == ("queued", "waiting")
    suite.drain()
    shown = client.get(f"/v1/experiments/{job}").json()
    assert {node["state"] for node in shown["nodes"]} == {"succeeded"}
    [generated] = [node for node in shown["nodes"] if node["name"] == "generated[topics=5, seed=1]"]
    assert (generated["axes"], generated["needs"]) == ({"topics": "5", "seed": "1"}, ["pool"])
    assert client.get(f"/v1/artifacts/{generated['artifact']}").json()["job"] == generated["job"]


def test_another_job_is_no_experiment(client: TestClient) -> None:
    job = client.post("/v1/topics", json={}).json()["id"]
    answer = client.get(f"/v1/experiments/{job}")
    assert answer.status_code == 404
    assert "no experiment" in answer.json()["detail"]


def test_experiments_are_listed_without_their_jobs(client: TestClient, suite: SmallSuite) -> None:
    job = client.post("/v1/experiments", json=small()).json()["id"]
    suite.drain()
    suite.live.mark_index_known()
    assert [found["id"] for found in client.get("/v1/experiments").json()["items"]] == [job]


def test_an_estimate_starts_nothing_and_counts_what_is_left(client: TestClient, suite: SmallSuite) -> None:
    estimate = client.post("/v1/experiments/estimate", json=small()).json()
    assert (estimate["jobs"], estimate["reused"]) == (12, 0)
    assert estimate["by_operation"] == {
        "topics": 1, "generate": 2, "measure": 2, "train": 3, "evaluate": 3, "report": 1
    }  # fmt: skip
    assert list(suite.records.all()) == []
    client.post("/v1/experiments", json=small())
    suite.drain()
    assert client.post("/v1/experiments/estimate", json=small()).json()["reused"] == 12


def test_the_published_schema_takes_what_the_api_takes(client: TestClient) -> None:
    schema = client.get("/v1/recipes/schema").json()
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    assert list(validator.iter_errors(small())) == []
    labelled = ladder(topics={"few": 1, "many": 5})
    assert list(validator.iter_errors(labelled)) == []


def test_the_published_schema_refuses_what_the_api_refuses(client: TestClient) -> None:
    validator = jsonschema.Draft202012Validator(client.get("/v1/recipes/schema").json())
    for wrong in (
        small() | {"colour": "red"},
        small() | {"steps": {"a": {"operation": "no", "request": {}}}},
        small() | {"steps": {"a": {"operation": "topics", "request": {"count": -1}}}},
        small() | {"steps": {"a": {"operation": "topics", "request": {"count": {"axis": 5}}}}},
        small() | {"inputs": {"real": "elsewhere"}},
    ):
        assert list(validator.iter_errors(wrong)), wrong
        assert client.post("/v1/experiments", json=wrong).status_code == 422


def test_the_schema_of_the_real_operations_is_one(client: TestClient) -> None:
    from services.gateway.experiments.schema import recipe_schema

    schema = recipe_schema(REAL_OPERATIONS)
    jsonschema.Draft202012Validator.check_schema(schema)
    named = {step["properties"]["operation"]["const"] for step in schema["$defs"]["Step"]["oneOf"]}
    assert named == set(REAL_OPERATIONS) - {"experiment"}


def test_the_openapi_document_is_whole(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    text = json.dumps(document)
    referred = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred <= set(document["components"]["schemas"])
    operations = [
        operation["operationId"] for path in document["paths"].values() for operation in path.values()
    ]
    assert len(operations) == len(set(operations))
    assert {"create_experiment", "create_generation", "get_job", "create_dataset"} <= set(operations)
    assert {f"/v1/{name}" for name in ("topics", "generations", "trainings")} <= set(document["paths"])
    assert len(OPERATIONS) == 7
