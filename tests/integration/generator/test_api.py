"""The generator's own endpoints, over HTTP, with a simulated server behind them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.limits import default_candidates
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.store.local import LocalStore
from tests.integration.generator.conftest import Service, Simulated, upload
from tests.simulation.server import MODEL

SOURCE = SourceRef(name="small")


@pytest.fixture
def endpoint(simulate: Callable[..., Simulated]) -> Simulated:
    return simulate()


@pytest.fixture
def client(endpoint: Simulated, service: Callable[..., Service]) -> Iterator[TestClient]:
    with service(small=endpoint.source(price_in="1", price_out="2")).api() as client:
        yield client


def generation(**fields: Any) -> dict[str, Any]:
    request = {"kind": "text", "rows": 100, "sources": [{"name": "small"}], **fields}
    return {"project": "p", "generation": request}


def estimated(**fields: Any) -> dict[str, Any]:
    """The body that asks for an estimate of the same request."""
    return {"project": "p", "operation": "generate", "request": generation(**fields)["generation"]}


@pytest.fixture
def topics(service: Callable[..., Service], endpoint: Simulated) -> str:
    made = service(small=endpoint.source()).run(TopicsRequest(source=SOURCE, count=25))
    assert made.artifact is not None
    return made.artifact


def test_it_is_alive_and_ready(client: TestClient) -> None:
    assert client.get("/health").status_code == 200
    assert client.get("/ready").json() == {"status": "ok", "failing": {}}


def test_sources_are_listed_without_their_addresses(client: TestClient) -> None:
    [source] = client.get("/v1/sources").json()
    assert (source["name"], source["model"], source["price_out"]) == ("small", MODEL, "2")
    assert "base_url" not in source


def test_a_preview_shows_the_prompts_and_keeps_nothing(client: TestClient, topics: str) -> None:
    plan = generation(topics=topics, templates={"prompt": "Tell me about {{ topic }}!"}) | {"samples": 2}
    answer = client.post("/v1/preview", json=plan)
    assert answer.status_code == 200, answer.text
    candidates = answer.json()["candidates"]
    assert len(candidates) == 2
    for candidate in candidates:
        topic = candidate["rows"][0]["origin"]["topic"]
        assert candidate["prompt"].endswith(f"Tell me about {topic}!")
        assert candidate["rows"][0]["text"] == candidate["answer"]


def test_an_estimate_spends_nothing(client: TestClient, endpoint: Simulated, topics: str) -> None:
    before = endpoint.server.counts.requests
    answer = client.post("/v1/estimate", json=estimated(topics=topics)).json()
    assert answer["calls"] == {"expected": 100, "low": 100, "high": default_candidates(100)}
    assert answer["makes"]["rows"] == 100
    details = answer["details"]
    assert details["calls"] == {"expected": 100, "low": 100, "high": 200}
    assert details["tokens_in"]["low"] < details["tokens_in"]["expected"] < details["tokens_in"]["high"]
    assert 0 < answer["money"]["USD"]["low"] < answer["money"]["USD"]["high"]
    assert endpoint.server.counts.requests == before


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"sources": [{"name": "nobody"}]}, "unknown_source", "registered: small"),
        ({"sources": [{"name": "small", "model": "other"}]}, "source_mismatch", "serves gamut-simulation"),
        ({"templates": {"prompt": "{{ topik }}"}}, "bad_template", "topik"),
        ({"topic_count": 26}, "invalid_request", "the pool has 25 topics"),
    ],
)
def test_what_cannot_run_is_refused_with_its_reason(
    client: TestClient, topics: str, fields: dict[str, Any], code: str, words: str
) -> None:
    answer = client.post("/v1/preview", json=generation(topics=topics, **fields))
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == code
    assert words in problem["detail"]


@pytest.mark.parametrize(("path", "body"), [("/v1/preview", generation), ("/v1/estimate", estimated)])
def test_a_template_that_fails_at_its_first_prompt_is_a_bad_template(
    client: TestClient, topics: str, path: str, body: Callable[..., dict[str, Any]]
) -> None:
    """It compiles, and only the rendering shows that there are no examples to take the first of."""
    plan = body(topics=topics, templates={"prompt": "{{ examples[0].text }} {{ topic }}"})
    problem = client.post(path, json=plan).json()
    assert (problem["status"], problem["code"]) == (422, "bad_template")


def test_a_source_and_an_adapter_on_it_are_estimated_together(
    endpoint: Simulated, service: Callable[..., Service], topics: str
) -> None:
    both = [{"name": "small"}, {"name": "small", "adapter": "model-" + "0" * 32}]
    with service(small=endpoint.source(adapters_dir="/nowhere")).api() as client:
        told = client.post("/v1/estimate", json=estimated(topics=topics, sources=both))
    assert told.json()["calls"]["expected"] == 100


def test_topics_are_asked_for_with_real_rows_beside(
    client: TestClient, endpoint: Simulated, service: Callable[..., Service]
) -> None:
    """So that a person's own rows decide what is written about; a long one is shown by its start."""
    worker = service(small=endpoint.source())
    rows = [{"id": "a", "text": "My kettle leaks."}, {"id": "b", "text": "word " * 900}]
    real = upload(worker.store, DatasetKind.TEXT, rows)
    request = TopicsRequest(source=SOURCE, count=5, task="complaints", examples=real, examples_per_prompt=2)
    plan = {"project": "p", "topics": request.model_dump(mode="json"), "samples": 1}
    prompt = client.post("/v1/preview", json=plan).raise_for_status().json()["candidates"][0]["prompt"]
    assert "My kettle leaks." in prompt
    assert 100 < prompt.count("word") < 300
    assert worker.run(request).state == "succeeded"


def test_a_fault_in_the_request_has_a_pointer(client: TestClient) -> None:
    for path, body, pointer in (
        ("/v1/preview", generation(rows=-1), "/generation/rows"),
        ("/v1/estimate", estimated(rows=-1), "/request/rows"),
        ("/v1/estimate", estimated() | {"operation": "train"}, "/operation"),
    ):
        problem = client.post(path, json=body).json()
        assert problem["status"] == 422
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


def test_a_preview_of_fewer_things_than_samples_shows_them_all(
    client: TestClient, local_store: LocalStore
) -> None:
    prompts = upload(local_store, DatasetKind.TEXT, [{"id": "p0", "text": "Why is it so?"}])
    answers = {
        "kind": "completion",
        "strategy": "answers",
        "prompts": prompts,
        "sources": [{"name": "small"}],
    }
    told = client.post("/v1/preview", json={"project": "p", "generation": answers, "samples": 3})
    assert told.status_code == 200, told.text
    assert len(told.json()["candidates"]) == 1
