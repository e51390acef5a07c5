"""A plan's jobs are asked about in their order, each with what those before it make."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import httpx
import pytest

from services.gateway.estimates.asking import Estimates, Unknown
from services.gateway.estimates.walking import estimated
from services.gateway.settings import GatewaySettings
from shared.artifacts import find_manifest, project_store
from shared.contracts.base import JobRequest, Queue
from shared.contracts.datasets import DatasetKind
from shared.contracts.estimates import Coming, JobEstimate
from shared.contracts.fields import Range
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.mixture import MixtureRequest, SampleRequest
from shared.contracts.operations import OPERATIONS
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.identity import artifact_id
from shared.store.base import ObjectStore
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
ROWS = {"generate": 80, "mix": 80, "sample": 30}
TAKES = Range(expected=10, low=5, high=20)
STARTING = 20.0


class Services(BaseHTTPRequestHandler):
    """All services at one address: every job takes the same, and datasets of `ROWS` are made. Keeps what it
    was asked; answers `status` when it is not 200."""

    asked: ClassVar[list[dict[str, Any]]] = []
    status: ClassVar[int] = 200

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert self.path == "/v1/estimate"
        self.asked.append(body)
        operation = body["operation"]
        answer = JobEstimate(
            calls=TAKES, tokens=TAKES, money={"USD": TAKES}, seconds=TAKES,
            starting_seconds=STARTING if OPERATIONS[operation].queue is Queue.MEASURE else 0.0,
            makes=Coming(rows=ROWS.get(operation), base="gpt2" if operation == "train" else None),
        )  # fmt: skip
        problem = {"title": "no", "status": self.status, "detail": "no such row", "code": "no"}
        data = answer.model_dump_json().encode() if self.status == 200 else json.dumps(problem).encode()
        self.send_response(self.status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments: Any) -> None:
        """Quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    Services.asked.clear()
    Services.status = 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Services)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def store(local_store: LocalStore) -> ObjectStore:
    store = project_store(local_store, PROJECT)
    for artifact, rows in ((REAL, 40), (TEST, 10)):
        give_artifact(store, artifact)
        manifest = find_manifest(store, artifact)
        assert manifest is not None
        changed = manifest.model_copy(update={"summary": {"kind": "text", "rows": rows}})
        store.put(f"artifacts/{artifact}/manifest.json", changed.model_dump_json().encode())
    return store


def ask(
    settings: GatewaySettings,
    store: ObjectStore,
    url: str | None,
    requests: dict[str, JobRequest],
    **more: Any,
) -> dict[str, JobEstimate | Unknown]:
    there = settings.model_copy(
        update={"generator_url": url, "metrics_url": url, "trainer_url": url} | more.pop("urls", {})
    )
    with httpx.Client() as client:
        return dict(estimated(Estimates(there, client, **more), PROJECT, store, requests))


def test_each_job_is_asked_about_with_what_those_before_it_make(
    settings: GatewaySettings, store: ObjectStore, url: str
) -> None:
    answers = ask(settings, store, url, ALL)
    assert [type(answer) for answer in answers.values()] == [JobEstimate] * len(ALL)
    asked = {body["operation"]: body for body in Services.asked}
    assert asked["topics"]["coming"] == {}
    [(name, size)] = asked["mix"]["coming"].items()
    assert size == {
        "rows": 80,
        "contexts": None,
        "bytes": None,
        "like": REAL,
        "base": None,
    }  # the largest, where none is named
    assert (asked["mix"]["request"]["generated"], asked["mix"]["request"]["real"]) == (name, REAL)
    [(name, size)] = asked["evaluate"]["coming"].items()
    assert (size["base"], asked["evaluate"]["request"]["model"]) == ("gpt2", name)


def test_what_exists_is_not_asked_about(settings: GatewaySettings, store: ObjectStore, url: str) -> None:
    give_artifact(store, artifact_id(GENERATED))
    assert "generated" not in ask(settings, store, url, ALL)
    [mixing] = [body for body in Services.asked if body["operation"] == "mix"]
    assert mixing["request"]["generated"] == artifact_id(GENERATED)


def test_what_differs_in_seeds_only_is_asked_about_once(
    settings: GatewaySettings, store: ObjectStore, url: str
) -> None:
    """The datasets of a sweep are not the same, but as large, and so are the trainings on them."""
    sweep: dict[str, JobRequest] = {}
    for seed in range(5):
        made = GENERATED.model_copy(update={"seed": seed})
        sweep[f"generated {seed}"] = made
        sweep[f"trained {seed}"] = TRAINED.model_copy(update={"dataset": artifact_id(made), "seed": seed})
    assert len(ask(settings, store, url, sweep)) == 10
    assert sorted(body["operation"] for body in Services.asked) == ["generate", "train"]


def test_a_service_that_is_down_or_not_known_makes_its_jobs_unknown(
    settings: GatewaySettings, store: ObjectStore, url: str
) -> None:
    nobody = {"generator_url": "http://127.0.0.1:9", "trainer_url": None}
    answers = ask(settings, store, url, ALL, urls=nobody)
    unknown = {name for name, answer in answers.items() if isinstance(answer, Unknown)}
    assert unknown == {"pool", "generated", "trained", "tested"}
    assert not any(answer.refused for answer in answers.values() if isinstance(answer, Unknown))


@pytest.mark.parametrize(("status", "refused"), [(422, True), (503, False), (500, False)])
def test_a_service_that_refuses_is_told_from_one_that_fails(
    settings: GatewaySettings, store: ObjectStore, url: str, status: int, refused: bool
) -> None:
    Services.status = status
    [answer] = ask(settings, store, url, {"pool": POOL}).values()
    assert isinstance(answer, Unknown)
    assert answer.refused is refused
    assert ("no such row" in answer.why) is refused


def test_when_its_time_is_up_nothing_more_is_asked(
    settings: GatewaySettings, store: ObjectStore, url: str
) -> None:
    ticks = iter([0.0, 5.0, 10.0, 15.0, 20.0, 25.0])
    answers = ask(settings, store, url, ALL, until=12.0, clock=lambda: next(ticks))
    assert [isinstance(answer, Unknown) for answer in answers.values()] == [False] * 3 + [True] * 3
    assert len(Services.asked) == 3
