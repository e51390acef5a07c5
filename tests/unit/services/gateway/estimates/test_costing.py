"""What a plan's jobs take, before anything runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from services.gateway.estimates.amounts import Amounts
from services.gateway.estimates.costing import Costing, by_artifact
from shared.artifacts import find_manifest, project_store
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.mixture import MixtureRequest, SampleRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.identity import artifact_id
from shared.store.local import LocalStore
from tests.unit.services.gateway.small_operations import REAL, TEST
from tests.unit.services.gateway.small_suite import PROJECT, give_artifact

POOL = TopicsRequest(source=SourceRef(name="x"), count=100)
GENERATED = GenerationRequest(
    kind=DatasetKind.TEXT, rows=80, topics=artifact_id(POOL), sources=[SourceRef(name="x")]
)
MIXED = MixtureRequest(real=REAL, generated=artifact_id(GENERATED), rho=0.75, mode="additive", size=20)
SAMPLED = SampleRequest(dataset=artifact_id(MIXED), size=30)
TRAINED = TrainingRequest(dataset=artifact_id(MIXED), base="gpt2")
TESTED = EvaluationRequest(dataset=TEST, model=artifact_id(TRAINED))
ALL: dict[str, JobRequest] = {
    "pool": POOL, "generated": GENERATED, "mixed": MIXED, "sampled": SAMPLED, "trained": TRAINED,
    "tested": TESTED,
}  # fmt: skip


class Services(BaseHTTPRequestHandler):
    """Answers as the generator and the trainer do, and keeps what it was asked."""

    asked: ClassVar[list[tuple[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.asked.append((self.path, body))
        one = {"expected": 10, "low": 5, "high": 20}
        told: dict[str, Any] = {"seconds": one}
        if self.path in ("/v1/estimate", "/v1/instruments/estimate"):
            told |= {"tokens_in": one, "tokens_out": one, "money": {"USD": one}}
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    Services.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Services)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def costing(local_store: LocalStore, url: str) -> Costing:
    store = project_store(local_store, PROJECT)
    for artifact, rows in ((REAL, 40), (TEST, 10)):
        give_artifact(store, artifact)
        manifest = find_manifest(store, artifact)
        assert manifest is not None
        changed = manifest.model_copy(update={"summary": {"kind": "text", "rows": rows}})
        store.put(f"artifacts/{artifact}/manifest.json", changed.model_dump_json().encode())
    return Costing(PROJECT, store, url, url)


def test_rows_to_come_follow_from_the_requests(costing: Costing) -> None:
    amounts = Amounts(costing._store, by_artifact(ALL))
    assert [amounts.rows(artifact_id(r)) for r in (GENERATED, MIXED, SAMPLED)] == [80, 80, 30]
    assert (amounts.rows(REAL), amounts.largest) == (40, REAL)
    assert amounts.rows("dataset-" + "9" * 32) is None


def test_every_job_is_priced_though_nothing_of_it_exists(costing: Costing) -> None:
    taken = costing.taken(ALL, by_artifact(ALL))
    assert taken.keys() == ALL.keys()
    assert taken["generated"].tokens == (10, 40)
    assert taken["generated"].money == {"USD": (5, 20)}
    # 80 rows priced on the 40 real ones: twice as long, and a range twice as wide
    assert taken["trained"].seconds == (5 * 2 * 0.5, 20 * 2 * 2.0)
    assert taken["tested"].seconds == (5, 20)
    [training] = [body["training"] for path, body in Services.asked if body.get("training")]
    assert training["dataset"] == REAL
    [evaluation] = [body["evaluation"] for path, body in Services.asked if body.get("evaluation")]
    assert (evaluation["base"], evaluation["model"]) == ("gpt2", None)


def test_what_differs_in_its_seed_is_asked_about_once(costing: Costing) -> None:
    seeds: dict[str, JobRequest] = {
        f"trained {seed}": TRAINED.model_copy(update={"seed": seed}) for seed in range(5)
    }
    assert len(costing.taken(seeds, by_artifact(ALL))) == 5
    assert len(Services.asked) == 1


def test_without_the_services_nothing_is_guessed(local_store: LocalStore) -> None:
    costing = Costing(PROJECT, project_store(local_store, PROJECT), None, None)
    assert costing.taken(ALL, by_artifact(ALL)).keys() == {"sampled"}  # a model of ours says this
    assert costing.details["generated"] == {"unavailable": "the service did not say"}
