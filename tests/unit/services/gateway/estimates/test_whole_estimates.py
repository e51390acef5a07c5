"""Estimates of a whole recipe: every job is in them, and a small run is as large as it was said to be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.gateway.api import create_app
from services.gateway.catalogue import Catalogue
from services.gateway.estimates.amounts import Amounts
from services.gateway.estimates.measuring_cost import STARTING, measuring_seconds
from services.gateway.estimates.scheduling import makespan
from services.gateway.experiments.builtin import BUILT_IN, called
from services.gateway.experiments.expansion import expand
from services.gateway.settings import GatewaySettings
from services.metrics.handlers import handlers
from services.metrics.settings import MetricsSettings
from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.contracts.datasets import DatasetKind
from shared.contracts.experiment import ExperimentRequest, RecipeCall
from shared.contracts.measurement import MeasurementRequest
from shared.contracts.mixture import MixtureRequest, SampleRequest, SplitRequest
from shared.contracts.operations import OPERATIONS
from shared.identity import artifact_id
from shared.testing import HandlerBench
from tests.unit.services.gateway.estimates.test_costing import url
from tests.unit.services.gateway.small_operations import REAL, TEST
from tests.unit.services.gateway.small_suite import SmallSuite

__all__ = ["url"]
STORIES = Path(__file__).parents[5] / "examples" / "data" / "stories.train.jsonl"
WORKERS = {"generate": 2, "measure": 1, "train": 2}
CALL = {
    "recipe": "diversity-ladder", "inputs": {"real": REAL, "test": TEST},
    "parameters": {"rows": 400}, "sweep": {"level": {"D0": 2, "D6": 20}, "seed": [1]},
}  # fmt: skip
SECONDS = (5.0, 20.0)
"""What the services of `test_costing` say of every generation, training and evaluation."""


ESTIMATED = ("rows", "calls", "tokens", "training_seconds", "measuring_seconds", "money", "wall_seconds")


@pytest.fixture
def http(suite: SmallSuite, settings: GatewaySettings, url: str) -> Iterator[TestClient]:
    """The gateway with the real operations; the generator and the trainer answer with a made clock."""
    told = settings.model_copy(update={"generator_url": url, "trainer_url": url, "workers": WORKERS})
    app = create_app(told, suite.platform(told), OPERATIONS)
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
    assert estimate["wall_seconds"]["high"] > estimate["measuring_seconds"]["high"]  # one worker measures


def test_what_is_made_already_takes_no_time(http: TestClient, suite: SmallSuite) -> None:
    body = {"dataset": TEST, "reference": REAL}
    first = http.post("/v1/measurements/estimate", json=body).json()
    assert first["measuring_seconds"]["low"] >= 0
    assert first["measuring_seconds"]["high"] >= STARTING
    job = http.post("/v1/measurements", json=body).json()
    suite.operations = OPERATIONS
    suite.restart()
    suite.drain()
    assert http.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded"
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
    assert 0 < estimate["calls"]["low"] < estimate["calls"]["high"]


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
    assert estimate["tokens"] == {"low": 10, "high": 40}
    assert estimate["money"] == {"USD": {"low": 5, "high": 20}}
    assert estimate["wall_seconds"] == {"low": SECONDS[0], "high": SECONDS[1]}


@pytest.fixture
def bench(redis_url: str, tmp_path: Path) -> HandlerBench:
    return HandlerBench(tmp_path, redis_url)


def test_a_small_run_is_as_large_as_it_was_said_to_be(
    bench: HandlerBench, redis_url: str, tmp_path: Path
) -> None:
    """Rows to the row, words within a third, before and after: what the seconds are computed from."""
    lines = [json.loads(line) for line in STORIES.read_text().splitlines()]
    real = bench.dataset(lines[:200], DatasetKind.COMPLETION)
    generated = bench.dataset(lines[200:600], DatasetKind.COMPLETION)
    kept = SplitRequest(dataset=real, shares={"search": 0.8, "choose": 0.2}, take="search")
    less = SampleRequest(dataset=generated, fraction=0.5)
    mixed = MixtureRequest(
        real=artifact_id(kept), generated=artifact_id(less), rho=0.5, mode="additive", size=100
    )
    measured = MeasurementRequest(dataset=artifact_id(mixed), reference=real, pictures=False)
    requests: list[JobRequest] = [kept, less, mixed, measured]
    plan = {artifact_id(request): request for request in requests}
    planned = Amounts(bench.store, plan)
    said = {name: planned.of(name) for name, request in plan.items() if request.produces == "dataset"}
    expected = measuring_seconds(measured, planned.of)

    work = handlers(MetricsSettings(redis_url=redis_url, data_dir=tmp_path))  # type: ignore[arg-type]
    made = {artifact_id(r): bench.run(work[type(r)], r) for r in requests}
    for name, amount in said.items():
        assert amount is not None
        assert made[name].summary["rows"] == amount[0]
    tokens: Any = made[artifact_id(measured)].summary["tokens"]
    found = said[artifact_id(mixed)]
    assert found is not None
    assert tokens == pytest.approx(found[1], rel=1 / 3)
    there = Amounts(bench.store, plan)
    assert expected is not None
    assert measuring_seconds(measured, there.of) == pytest.approx(expected, rel=1 / 3)
    assert {artifact.manifest.kind for artifact in made.values()} == {
        ArtifactKind.DATASET, ArtifactKind.MEASUREMENT
    }  # fmt: skip
