"""The dial with the real metrics service: a value that a known setting has is found again, within a shift
budget."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import uvicorn

from services.metrics.api import create_app
from services.metrics.settings import MetricsSettings
from shared.artifacts import Artifact, project_store
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated, upload

ROWS = 90
SOURCE = SourceRef(name="small")
TOLERANCE = {"distinct_5": 0.01, "vendi": 1.0, "self_bleu": 0.01}


@pytest.fixture(scope="module")
def metrics_url() -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(create_app(MetricsSettings()), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def worker(simulate: Callable[..., Simulated], service: Callable[..., Service], metrics_url: str) -> Service:
    made = service(small=simulate(vocabulary=12).source())
    made.metrics_url = metrics_url
    return made


def request(worker: Service, **fields: Any) -> GenerationRequest:
    pool = worker.run(TopicsRequest(source=SOURCE, count=60)).artifact
    real = [
        {"id": str(i), "text": f"the fox number {i} met a goose and all was well with it then"}
        for i in range(60)
    ]
    examples = upload(worker.store, DatasetKind.TEXT, real)
    return GenerationRequest(
        kind=DatasetKind.TEXT, topics=pool, examples=examples, rows=ROWS, sources=[SOURCE], seed=3,
        acceptance={"length": {"match": "off"}}, **fields,
    )  # fmt: skip


def measured(url: str, texts: list[str], reference: list[str]) -> dict[str, float]:
    families = ["distinct", "vendi", "self_bleu", "unigram_shift"]
    body = {"texts": texts, "reference": reference, "metrics": families, "seed": 3}
    answer = httpx.post(f"{url}/v1/measure", json=body, timeout=60).raise_for_status().json()
    return {value["name"]: value["value"] for value in answer["measured"]["values"]}


@pytest.mark.parametrize("metric", ["distinct_5", "vendi", "self_bleu"])
def test_a_value_is_found_again(worker: Service, metrics_url: str, metric: str) -> None:
    plain = worker.artifact(worker.run(request(worker, topic_count=9)))
    real = [example["text"] for example in real_rows(worker, plain.manifest.inputs["examples"])]
    goal = measured(metrics_url, [row["text"] for row in plain.rows()], real)
    tolerance = TOLERANCE[metric]
    dial = {
        "metric": metric,
        "value": goal[metric],
        "tolerance": tolerance,
        "probe_rows": 30,
        "shift": {"metric": "js_unigram", "at_most": goal["js_unigram"] + 0.05},
    }
    ended = worker.run(request(worker, dial=dial))
    assert ended.state is JobState.SUCCEEDED, ended.error
    dialled = worker.artifact(ended)
    rows = [row["text"] for row in dialled.rows()]
    assert len(rows) == ROWS
    found = measured(metrics_url, rows, real)
    assert abs(found[metric] - goal[metric]) <= tolerance
    told = dialled.summary["dial"]
    assert told["reached"]
    assert told["value"] == pytest.approx(found[metric])
    assert told["shift"] == pytest.approx(found["js_unigram"])
    assert told["shift"] <= dial["shift"]["at_most"]


def test_a_budget_that_cannot_be_kept_is_said_with_the_closest(worker: Service) -> None:
    dial = {
        "metric": "distinct_5",
        "value": 0.5,
        "tolerance": 0.01,
        "probe_rows": 30,
        "max_rounds": 8,
        "shift": {"metric": "js_unigram", "at_most": 0.001},
    }
    ended = worker.run(request(worker, dial=dial))
    assert (ended.state, ended.reason) == (JobState.FAILED, "target_unreachable")
    assert ended.error is not None
    assert "The closest dataset has" in ended.error.detail
    assert "shift" in ended.error.detail


def real_rows(worker: Service, artifact: str) -> list[dict[str, Any]]:
    return list(Artifact.open(project_store(worker.store, "p"), artifact).rows())
