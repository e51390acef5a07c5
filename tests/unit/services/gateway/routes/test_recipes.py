"""The built-in recipes over HTTP: listed, read, called with changes, and refused with pointers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.catalogue import Catalogue
from services.gateway.experiments.builtin import BUILT_IN, called
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.schema import recipe_schema
from services.gateway.settings import GatewaySettings
from shared.contracts.experiment import ExperimentRequest, RecipeCall
from shared.contracts.operations import OPERATIONS
from tests.unit.services.gateway.small_operations import REAL, TEST
from tests.unit.services.gateway.small_suite import SmallSuite

STUDIES = Path(__file__).parents[5] / "docs" / "studies"


@pytest.fixture
def http(suite: SmallSuite, settings: GatewaySettings) -> Iterator[TestClient]:
    """The gateway with the real operations; nothing works on them."""
    app = create_app(settings, suite.platform(settings), OPERATIONS)
    with TestClient(app, base_url="http://gateway.test", raise_server_exceptions=False) as client:
        yield client


def call(**changes: Any) -> dict[str, Any]:
    return {"recipe": "diversity-ladder", "inputs": {"real": REAL, "test": TEST}, **changes}


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_recipe_can_be_run_has_a_page_and_fits_the_schema(name: str) -> None:
    plan = expand(ExperimentRequest.model_validate(BUILT_IN[name]), Catalogue(OPERATIONS))
    assert plan.report.request.operation == "report"
    assert BUILT_IN[name]["name"] == name
    assert list(jsonschema.Draft202012Validator(recipe_schema(OPERATIONS)).iter_errors(BUILT_IN[name])) == []
    page = (STUDIES / f"{name}.md").read_text()
    assert "**Corresponds to**" in page
    assert "**Ours:**" in page
    assert f"({name}.md)" in (STUDIES / "README.md").read_text()


def requests_in(page: str) -> list[dict[str, Any]]:
    """The calls of recipes that a page shows, with ids in place of `dataset-…`."""
    text = page.replace("dataset-…", REAL)
    places = (found.start() for found in re.finditer(r'\{\s*"recipe": "', text))
    return [json.JSONDecoder().raw_decode(text, place)[0] for place in places]


@pytest.mark.parametrize("page", sorted(STUDIES.glob("*.md")), ids=lambda page: page.stem)
def test_every_request_that_a_page_shows_can_be_run(page: Path) -> None:
    shown = requests_in(page.read_text())
    for asked in shown:
        document = called(RecipeCall.model_validate(asked), BUILT_IN)
        expand(ExperimentRequest.model_validate(document), Catalogue(OPERATIONS))
    if page.stem in BUILT_IN:
        assert page.stem in {asked["recipe"] for asked in shown}  # each page has the request of its study
    if page.stem in ("diversity-ladder", "worth"):
        first = {name for name in shown[0] if name not in ("recipe", "inputs")}
        assert first == set()  # it runs with its inputs alone
    if page.stem in ("diversity-ladder", "paraphrase-ladder"):
        assert {asked["recipe"] for asked in shown} == {page.stem}


def test_they_are_listed_and_read(http: TestClient) -> None:
    listed = {recipe["name"]: recipe for recipe in http.get("/v1/recipes").json()["items"]}
    assert listed.keys() == BUILT_IN.keys()
    assert listed["diversity-ladder"]["inputs"] == ["real", "test"]
    assert listed["diversity-ladder"]["parameters"] == BUILT_IN["diversity-ladder"]["parameters"]
    assert http.get("/v1/recipes/diversity-ladder").json() == BUILT_IN["diversity-ladder"]
    absent = http.get("/v1/recipes/diversity-lader")
    assert absent.status_code == 404
    assert "did you mean 'diversity-ladder'" in absent.json()["detail"]


def test_a_call_is_the_whole_recipe_with_its_changes(http: TestClient) -> None:
    job = http.post(
        "/v1/experiments",
        json=call(
            name="mine", parameters={"rows": 7}, sweep={"level": {"D0": 1}, "seed": [5]}, budget={"calls": 9}
        ),
    )
    assert job.status_code == 202
    asked = job.json()["request"]
    assert (asked["name"], asked["parameters"]["rows"], asked["sweep"]) == (
        "mine",
        7,
        {**BUILT_IN["diversity-ladder"]["sweep"], "level": {"D0": 1}, "seed": [5]},
    )
    assert asked["parameters"]["max_tokens"] == BUILT_IN["diversity-ladder"]["parameters"]["max_tokens"]
    assert asked["inputs"] == {"real": REAL, "test": TEST}
    assert asked["budget"]["calls"] == 9
    whole = ExperimentRequest.model_validate(asked)
    assert http.post("/v1/experiments", json=whole.model_dump(by_alias=True)).json()["id"] == job.json()["id"]


def test_a_gate_can_be_put_before_a_step(http: TestClient) -> None:
    gate = {"of": "measured", "metric": "two_sample_auc", "above": 0.95}
    asked = http.post("/v1/experiments", json=call(stop_if={"trained": gate})).json()["request"]
    assert asked["steps"]["trained"]["stop_if"] == gate | {"below": None}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"recipe": "ladder"}, "/recipe"),
        ({"parameters": {"row": 5}}, "/parameters/row"),
        ({"parameters": {"rows": -5}}, "/parameters/rows"),
        ({"sweep": {"levels": [1]}}, "/sweep/levels"),
        ({"sweep": {"level": [-1]}}, "/sweep/level/0"),
        ({"inputs": {"real": REAL}}, "/inputs/test"),
        ({"inputs": {"real": REAL, "test": TEST, "more": TEST}}, "/inputs/more"),
        ({"stop_if": {"train": {"of": "measured", "metric": "a", "above": 1}}}, "/stop_if/train"),
        ({"colour": "red"}, "/colour"),
    ],
)
def test_what_is_wrong_with_a_call_is_pointed_at(http: TestClient, change: Any, pointer: str) -> None:
    answer = http.post("/v1/experiments", json={**call(), **change})
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]


def test_advice_is_an_experiment(http: TestClient) -> None:
    body = {"real": REAL, "test": TEST, "pools": {"D1": TEST}, "base": "story-base", "size": 20}
    body["search"] = {"high": 0.5}
    job = http.post("/v1/advice", json=body)
    assert (job.status_code, job.json()["operation"]) == (202, "experiment")
    estimate = http.post("/v1/advice/estimate", json=body).json()
    assert estimate["by_operation"]["propose"] == 9 + 4 + 1
    assert estimate["training_seconds"] is None  # nobody answered for the trainer: nothing is guessed


@pytest.mark.parametrize("path", ["/v1/advice", "/v1/advice/estimate"])
def test_advice_on_a_pool_that_is_too_small_is_refused_before_anything_runs(
    http: TestClient, path: str
) -> None:
    """Forty rows: of the real ones 32 are left to train on, and at ρ = 0.9 these take 288 of a pool."""
    body = {"real": REAL, "test": TEST, "pools": {"D1": TEST}, "base": "story-base"}
    answer = http.post(path, json=body | {"size": 32})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_recipe")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/pools/D1"]
    more = http.post(path, json=body | {"size": 150})
    assert {error["pointer"] for error in more.json()["errors"]} == {"/size", "/pools/D1"}


def test_a_study_that_samples_more_than_there_is_is_refused_before_anything_runs(http: TestClient) -> None:
    asked = {"recipe": "mixing-additive", "inputs": {"real": REAL, "test": TEST}, "parameters": {"size": 50}}
    answer = http.post("/v1/experiments", json=asked)
    assert answer.status_code == 422
    assert "/parameters/size" in [error["pointer"] for error in answer.json()["errors"]]
