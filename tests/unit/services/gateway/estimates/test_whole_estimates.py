"""Estimates of a whole recipe: every job is in them, and a small run is as large as it was said to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.catalogue import Catalogue
from services.gateway.estimates.scheduling import makespan
from services.gateway.experiments.builtin import BUILT_IN, called
from services.gateway.experiments.expansion import expand
from services.gateway.settings import GatewaySettings
from shared.contracts.base import Queue
from shared.contracts.experiment import ExperimentRequest, RecipeCall
from shared.contracts.measurement import MeasurementRequest
from shared.contracts.operations import OPERATIONS
from shared.identity import artifact_id
from tests.unit.services.gateway.estimates.test_walking import STARTING, TAKES, url
from tests.unit.services.gateway.small_operations import REAL, TEST
from tests.unit.services.gateway.small_suite import SmallSuite, give_artifact

__all__ = ["url"]
STORIES = Path(__file__).parents[5] / "examples" / "data" / "stories.train.jsonl"
WORKERS = {"generate": 2, "measure": 1, "train": 2}
CALL = {
    "recipe": "diversity-ladder", "inputs": {"real": REAL, "test": TEST},
    "parameters": {"rows": 400}, "sweep": {"level": {"D0": 2, "D6": 20}, "seed": [1]},
}  # fmt: skip
SECONDS = (TAKES.low, TAKES.high)
"""What the services of `test_walking` say of every job."""


ESTIMATED = ("rows", "calls", "tokens", "training_seconds", "measuring_seconds", "money", "wall_seconds")


@pytest.fixture
def http(suite: SmallSuite, settings: GatewaySettings, url: str) -> Iterator[TestClient]:
    """The gateway with the real operations; the generator and the trainer answer with a made clock."""
    urls = {"generator_url": url, "metrics_url": url, "trainer_url": url}
    there = settings.model_copy(update={**urls, "workers": WORKERS})
    app = create_app(there, suite.platform(there), OPERATIONS)
    with TestClient(app, base_url="http://gateway.test", raise_server_exceptions=False) as client:
        yield client


def test_wall_time_is_of_every_job_on_the_workers_there_are(http: TestClient, suite: SmallSuite) -> None:
    estimate = http.post("/v1/experiments/estimate", json=CALL).json()
    document = called(RecipeCall.model_validate(CALL), BUILT_IN)
    plan = expand(ExperimentRequest.model_validate(document), Catalogue(OPERATIONS))
    by_queue: dict[Queue, int] = {}
    for node in plan.nodes.values():
        by_queue[node.request.queue] = by_queue.get(node.request.queue, 0) + 1
    assert by_queue[Queue.MEASURE] >= 4
    trainings = by_queue[Queue.TRAIN] * SECONDS[0]
    assert estimate["training_seconds"]["low"] >= trainings * 0.5  # some rows are only planned
    measuring = estimate["measuring_seconds"]
    assert 0 < measuring["low"] < measuring["high"]
    assert measuring["high"] >= STARTING

    asleep = {key: SECONDS[0] for key, node in plan.nodes.items() if node.request.queue is not Queue.MEASURE}
    without = makespan(plan, asleep, WORKERS)
    assert estimate["wall_seconds"]["low"] > without * 0.5
    assert estimate["wall_seconds"]["high"] >= estimate["measuring_seconds"]["high"]  # one worker measures


def test_what_is_made_already_takes_no_time(http: TestClient, suite: SmallSuite) -> None:
    body = {"dataset": TEST, "reference": REAL}
    first = http.post("/v1/measurements/estimate", json=body).json()
    assert first["measuring_seconds"]["low"] >= 0
    assert first["measuring_seconds"]["high"] >= STARTING
    give_artifact(suite.corner, artifact_id(MeasurementRequest.model_validate(body)))
    again = http.post("/v1/measurements/estimate", json=body).json()
    assert (again["reused"], again["measuring_seconds"]) == (1, {"low": 0, "high": 0})


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_no_built_in_study_leaves_anything_open(name: str, http: TestClient) -> None:
    inputs = {given: TEST if given == "test" else REAL for given in BUILT_IN[name]["inputs"]}
    estimate = http.post("/v1/experiments/estimate", json={"recipe": name, "inputs": inputs}).json()
    open_ones = {what for what in ESTIMATED if estimate[what] is None}
    silent = {node for node, said in estimate["details"].items() if "unavailable" in said}
    assert (open_ones, silent) == (set(), set())
    assert 0 < estimate["wall_seconds"]["low"] < estimate["wall_seconds"]["high"]
    if name == "worth":  # it takes a pool that is there
        assert estimate["calls"] == {"low": 0, "high": 0}
    else:
        assert 0 < estimate["calls"]["low"] < estimate["calls"]["high"]


NOWHERE = "dataset-" + "0" * 32
UNKNOWN = {
    "generations": {
        "kind": "qa", "strategy": "answers", "prompts": NOWHERE, "sources": [{"name": "stories"}],
    },
    "trainings": {"dataset": NOWHERE, "base": "story-base"},
    "measurements": {"dataset": NOWHERE},
    "experiments": CALL | {"inputs": {"real": REAL, "test": NOWHERE}},
}  # fmt: skip


@pytest.mark.parametrize("collection", UNKNOWN)
def test_an_estimate_is_refused_as_the_request_itself_would_be(collection: str, http: TestClient) -> None:
    """For an input that does not exist: by the same problem, with the same pointer."""
    estimate = http.post(f"/v1/{collection}/estimate", json=UNKNOWN[collection])
    submitted = http.post(f"/v1/{collection}", json=UNKNOWN[collection])
    assert (estimate.status_code, estimate.json()["code"]) == (422, "input_missing")
    assert estimate.json() == submitted.json()
    assert len(estimate.json()["errors"]) == 1


INSTRUMENTS = {
    "cluster-agent-measurements": {"dataset": REAL, "source": {"name": "stories"}, "runs": 10},
    "judgements": {"dataset": REAL, "source": {"name": "stories"}},
    "self-preference-measurements": {
        "candidates": {"a": REAL, "b": TEST}, "judge": {"name": "stories"}, "prompts": None,
    },
}  # fmt: skip


@pytest.mark.parametrize("collection", INSTRUMENTS)
def test_a_language_model_that_measures_is_told_whole(collection: str, http: TestClient) -> None:
    estimate = http.post(f"/v1/{collection}/estimate", json=INSTRUMENTS[collection]).json()
    assert {what for what in ESTIMATED if estimate[what] is None} == set()
    assert estimate["calls"]["high"] > 0
    assert estimate["tokens"] == {"low": 5, "high": 20}
    assert estimate["money"] == {"USD": {"low": 5, "high": 20}}
    assert estimate["wall_seconds"] == {"low": SECONDS[0], "high": SECONDS[1]}


def test_a_service_that_is_down_makes_an_estimate_say_so(
    http: TestClient, suite: SmallSuite, settings: GatewaySettings, url: str
) -> None:
    there = settings.model_copy(update={"metrics_url": url, "generator_url": "http://127.0.0.1:9"})
    app = create_app(there, suite.platform(there), OPERATIONS)
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.post("/v1/experiments/estimate", json=CALL)
    assert answer.status_code == 200
    estimate = answer.json()
    assert {what for what in ESTIMATED if estimate[what] is None} == set(ESTIMATED) - {"measuring_seconds"}
    assert all("unavailable" in estimate["details"][node] for node in estimate["details"])
