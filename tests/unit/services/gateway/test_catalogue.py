"""Names of sources and models: known ones become what they stand for, others are refused where they stand."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.catalogue import Catalogue, UnknownNames
from services.gateway.experiments.errors import InvalidRecipe
from services.gateway.experiments.expansion import expand
from services.gateway.settings import GatewaySettings, KnownSource
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.operations import OPERATIONS
from tests.unit.services.gateway.conftest import URL
from tests.unit.services.gateway.small_operations import REAL
from tests.unit.services.gateway.small_suite import SmallSuite

KNOWN = Catalogue(
    OPERATIONS,
    sources={
        "stories": KnownSource(model="story-generator", revision="7", tokenizer="/models/tokenizer.json"),
        "bare": KnownSource(),
    },
    models=["story-base"],
)
TOPICS = "topics-" + "0" * 32


def generation(**fields: Any) -> dict[str, Any]:
    return {"kind": "text", "topics": TOPICS, "rows": 5, "sources": [{"name": "stories"}]} | fields


def faults(operation: str, body: dict[str, Any]) -> list[tuple[Any, ...]]:
    with pytest.raises(UnknownNames) as raised:
        KNOWN.request(operation, body)
    return [place for place, _ in raised.value.faults]


def test_a_source_becomes_the_model_it_serves() -> None:
    request = KNOWN.request("topics", {"source": {"name": "stories"}})
    assert isinstance(request, TopicsRequest)
    assert (request.source.model, request.source.revision) == ("story-generator", "7")
    several = KNOWN.request("generate", generation(sources=[{"name": "stories"}, {"name": "bare"}]))
    assert isinstance(several, GenerationRequest)
    assert [source.model for source in several.sources] == ["story-generator", None]


@pytest.mark.parametrize(
    ("source", "asked", "kept"),
    [
        ("stories", "auto", "tokenizer"),
        ("bare", "auto", "words"),
        ("stories", "words", "words"),
        ("bare", "reported", "reported"),
    ],
)
def test_what_lengths_are_counted_in_is_a_part_of_the_request(source: str, asked: str, kept: str) -> None:
    """A tokenizer that is registered later makes other rows: not under the old artifact's name."""
    body = generation(sources=[{"name": source}], acceptance={"length": {"unit": asked}})
    request = KNOWN.request("generate", body)
    assert isinstance(request, GenerationRequest)
    assert request.acceptance.length.unit == kept


def test_a_model_that_is_named_stays() -> None:
    request = KNOWN.request("topics", {"source": {"name": "stories", "model": "another"}})
    assert isinstance(request, TopicsRequest)
    assert (request.source.model, request.source.revision) == ("another", "7")


def test_unknown_names_are_refused_where_they_stand() -> None:
    assert faults("topics", {"source": {"name": "storeis"}}) == [("source", "name")]
    assert faults("generate", generation(sources=[{"name": "stories"}, {"name": "x"}])) == [
        ("sources", 1, "name")
    ]
    assert faults("train", {"dataset": REAL, "base": "nobody/has-this"}) == [("base",)]
    assert faults("evaluate", {"dataset": REAL, "base": "story-base", "compare": "gpt5"}) == [("compare",)]


def test_a_process_that_was_told_no_names_lets_any_pass() -> None:
    request = Catalogue(OPERATIONS).request("topics", {"source": {"name": "anything"}})
    assert isinstance(request, TopicsRequest)
    assert request.source.model is None


def test_a_recipe_is_refused_where_it_names_what_nobody_knows() -> None:
    recipe = ExperimentRequest.model_validate(
        {
            "name": "x",
            "sweep": {"base": ["story-base", "story-bas"]},
            "inputs": {"real": REAL},
            "steps": {
                "trained": {
                    "operation": "train",
                    "request": {"dataset": {"input": "real"}, "base": {"axis": "base"}},
                },
                "answer": {
                    "operation": "report",
                    "request": {"runs": {"gather": [{"model": {"step": "trained"}}]}},
                },
            },
            "report": "answer",
        }
    )
    with pytest.raises(InvalidRecipe) as raised:
        expand(recipe, KNOWN)
    [error] = raised.value.errors
    assert error.pointer == "/sweep/base/1"
    assert "did you mean 'story-base'" in error.detail


def test_over_http_an_unknown_model_is_a_problem_with_a_pointer(
    suite: SmallSuite, settings: GatewaySettings
) -> None:
    settings = settings.model_copy(update={"models": {"story-base": "/models"}, "sources": {}})
    with TestClient(create_app(settings, suite.platform(settings), OPERATIONS), base_url=URL) as client:
        answer = client.post("/v1/trainings", json={"dataset": REAL, "base": "nobody/has-this"})
        assert (answer.status_code, answer.json()["code"]) == (422, "unknown_model")
        assert answer.json()["errors"][0]["pointer"] == "/base"
        assert client.post("/v1/topics", json={"source": {"name": "x"}}).status_code == 422
    assert list(suite.records.all()) == []


def test_an_experiment_is_shown_when_its_model_and_its_source_are_gone(
    suite: SmallSuite, settings: GatewaySettings
) -> None:
    """It was refused as if it had just been posted, and nobody could look at its report any more."""
    known = {"theirs": KnownSource(model="m")}
    then = settings.model_copy(update={"models": {"mine": "/m"}, "sources": known})
    now = settings.model_copy(update={"models": {"story-base": "/models"}, "sources": {}})
    recipe = {
        "name": "past",
        "inputs": {"real": REAL},
        "steps": {
            "pool": {"operation": "topics", "request": {"source": {"name": "theirs"}}},
            "trained": {"operation": "train", "request": {"base": "mine", "dataset": {"input": "real"}}},
            "answer": {
                "operation": "report",
                "request": {"runs": {"gather": [{"name": "real", "model": {"step": "trained"}}]}},
            },
        },
        "report": "answer",
    }
    with TestClient(create_app(then, suite.platform(then), OPERATIONS), base_url=URL) as client:
        job = client.post("/v1/experiments", json=recipe).json()["id"]
    app = create_app(now, suite.platform(now), OPERATIONS)
    with TestClient(app, base_url=URL, raise_server_exceptions=False) as client:
        shown = client.get(f"/v1/experiments/{job}")
        assert shown.status_code == 200, shown.text
        assert [node["step"] for node in shown.json()["nodes"]] == ["pool", "trained", "answer"]
        assert client.get(f"/experiments/{job}").status_code == 200
        assert client.post("/v1/experiments", json=recipe | {"name": "again"}).status_code == 422
