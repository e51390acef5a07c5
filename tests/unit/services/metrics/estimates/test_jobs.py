"""Estimates beside what the jobs then made and took."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.metrics.api import create_api
from services.metrics.estimates.jobs import ESTIMATORS, estimate
from services.metrics.operations.handlers import handlers
from services.metrics.settings import MetricsSettings
from shared.artifacts import Artifact
from shared.assembly import connect
from shared.contracts.base import ArtifactKind, JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.estimates import Coming
from shared.contracts.measurement import ComparisonRequest, MeasurementRequest
from shared.contracts.mixture import DeduplicationRequest, MixtureRequest, SampleRequest, SplitRequest
from shared.estimates import KnownInputs
from shared.identity import artifact_id
from shared.testing import HandlerBench
from tests.unit.services.metrics.operations.conftest import bench

__all__ = ["bench"]
STORIES = Path(__file__).parents[5] / "examples" / "data" / "stories.train.jsonl"
SLACK = 2.0
"""How much faster or slower than the machine whose times the model was fitted on."""


@pytest.fixture
def settings(tmp_path: Path, redis_url: str) -> MetricsSettings:
    return MetricsSettings(redis_url=redis_url, data_dir=tmp_path)  # type: ignore[arg-type]


@pytest.fixture
def stories(bench: HandlerBench) -> tuple[str, str]:
    """200 real rows, and 400 in the place of generated ones."""
    lines = [json.loads(line) for line in STORIES.read_text().splitlines()]
    return (
        bench.dataset(lines[:200], DatasetKind.COMPLETION),
        bench.dataset(lines[200:600], DatasetKind.COMPLETION),
    )


def test_every_operation_of_the_queue_has_an_estimate(settings: MetricsSettings) -> None:
    assert ESTIMATORS.keys() == handlers(settings).keys()


def test_a_small_run_is_as_large_as_it_was_said_to_be(
    bench: HandlerBench, settings: MetricsSettings, stories: tuple[str, str]
) -> None:
    """Each job is asked about when nothing of those before it exists: rows to the row, and with words within
    a third, the seconds that follow from them."""
    real, generated = stories
    kept = SplitRequest(dataset=real, shares={"search": 0.8, "choose": 0.2}, take="search")
    less = SampleRequest(dataset=generated, fraction=0.5)
    mixed = MixtureRequest(
        real=artifact_id(kept), generated=artifact_id(less), rho=0.5, mode="additive", size=100
    )
    measured = MeasurementRequest(dataset=artifact_id(mixed), reference=real, pictures=False)
    requests: list[JobRequest] = [kept, less, mixed, measured]
    coming: dict[str, Coming] = {}
    before = {}
    for request in requests:
        before[artifact_id(request)] = found = estimate(request, KnownInputs(bench.store, coming))
        coming[artifact_id(request)] = found.makes
    work = handlers(settings)
    made: dict[str, Artifact] = {artifact_id(r): bench.run(work[type(r)], r) for r in requests}
    for name, artifact in made.items():
        if artifact.manifest.kind is ArtifactKind.DATASET:
            assert before[name].makes.rows == artifact.summary["rows"]
    after = estimate(measured, KnownInputs(bench.store, {})).seconds
    assert after is not None
    said = before[artifact_id(measured)].seconds
    assert said is not None
    assert said.expected == pytest.approx(after.expected, rel=1 / 3)
    tokens: Any = made[artifact_id(measured)].summary["tokens"]
    assert tokens == pytest.approx((after.expected - 0.15) * 170_000, rel=2)


def test_jobs_take_the_seconds_that_were_told(
    bench: HandlerBench, settings: MetricsSettings, stories: tuple[str, str]
) -> None:
    """CPU seconds, so that a busy machine changes nothing; the first job, which compiles, is not timed."""
    real, generated = stories
    work = handlers(settings)
    bench.run(work[MeasurementRequest], MeasurementRequest(dataset=real, reference=generated, pictures=False))
    requests: list[JobRequest] = [
        MeasurementRequest(dataset=generated, reference=real, pictures=False),
        ComparisonRequest(datasets={"a": real, "b": generated}, pictures=False),
        DeduplicationRequest(dataset=generated),
        SampleRequest(dataset=generated, size=50),
    ]
    for request in requests:
        told = estimate(request, KnownInputs(bench.store, {})).seconds
        assert told is not None
        start = time.process_time()
        bench.run(work[type(request)], request)
        took = time.process_time() - start
        # what every job takes beside its work (0.15 s: message, lease, records) is not in this
        assert max(0.0, told.low - 0.15) / SLACK <= took <= told.high * SLACK, request


def test_it_is_asked_over_http(
    bench: HandlerBench, settings: MetricsSettings, stories: tuple[str, str]
) -> None:
    body = {"project": "p", "operation": "sample", "request": {"dataset": "dataset-" + "1" * 32, "size": 5}}
    platform = connect(settings)
    with TestClient(create_api(settings, platform)) as client:
        unknown = client.post("/v1/estimate", json=body).json()
        coming = {"dataset-" + "1" * 32: {"rows": 60_000, "bytes": 6_000_000}}
        known = client.post("/v1/estimate", json={**body, "coming": coming}).json()
        wrong = client.post("/v1/estimate", json={**body, "operation": "generate"})
    assert (unknown["seconds"], unknown["makes"]["rows"]) == (None, 5)
    assert known["seconds"]["low"] > 0.5
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/operation")
