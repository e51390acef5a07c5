"""The main job's two operations, from the request to the artifact, against a simulated server."""

from __future__ import annotations

from collections.abc import Callable

from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated
from tests.simulation.server import MODEL

SOURCE = SourceRef(name="small", model=MODEL, revision="1")


def pool(service: Service, count: int) -> str:
    ended = service.run(TopicsRequest(source=SOURCE, count=count, seed=3))
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert ended.artifact is not None
    return ended.artifact


def test_a_pool_has_exactly_the_topics_asked_for(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    worker = service(small=simulate().source(api="chat"))
    artifact = worker.artifact(worker.run(TopicsRequest(source=SOURCE, count=130, seed=3)))
    topics = [row["topic"] for row in artifact.rows("topics.jsonl")]
    assert len(set(topics)) == len(topics) == artifact.summary["topics"] == 130


def test_a_pool_may_be_a_hierarchy(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    worker = service(small=simulate().source(api="chat"))
    artifact = worker.artifact(worker.run(TopicsRequest(source=SOURCE, count=60, hierarchy=6, per_call=5)))
    rows = list(artifact.rows("topics.jsonl"))
    assert len({row["topic"] for row in rows}) == len(rows) == 60
    assert len({row["area"] for row in rows}) == 6


def test_rows_of_the_held_out_set_are_refused_and_kept(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    """What one job has made is the other's test set: the same candidates, and not one of them again."""
    worker = service(small=simulate().source())
    fields = {"kind": DatasetKind.TEXT, "topics": pool(worker, 20), "sources": [SOURCE], "seed": 1}
    test = worker.artifact(worker.run(GenerationRequest(**fields, rows=10)))
    request = GenerationRequest(**fields, rows=30, acceptance=Acceptance(held_out=test.id, held_out_words=20))
    artifact = worker.artifact(worker.run(request))
    assert len(list(artifact.rows())) == 30
    assert artifact.summary["refused"] == {"contamination": 10}
    rejects = list(artifact.rows("rejects.jsonl"))
    assert [reject["reason"] for reject in rejects] == ["contamination"] * 10
    assert {reject["text"] for reject in rejects} == {row["text"] for row in test.rows()}


def test_rows_name_where_they_come_from(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    endpoint = simulate()
    worker = service(small=endpoint.source())
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION,
        topics=pool(worker, 50),
        topic_count=10,
        rows=40,
        sources=[SOURCE],
        seed=1,
    )
    artifact = worker.artifact(worker.run(request))
    rows = list(artifact.rows())
    assert len(rows) == 40
    assert len({row["id"] for row in rows}) == 40
    assert len({row["origin"]["topic"] for row in rows}) == 10
    for row in rows:
        assert row["context"]
        assert row["completion"].endswith(".")
        assert set(row["origin"]) >= {"source", "model", "revision", "prompt_hash", "seed", "tokens"}
    ledger = artifact.summary["ledger"]["sources"]["small"]
    assert ledger["answered"] == artifact.summary["candidates"]


def test_more_rows_pay_only_for_the_new_ones(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    endpoint = simulate()
    worker = service(small=endpoint.source())
    topics = pool(worker, 30)
    request = GenerationRequest(kind=DatasetKind.TEXT, topics=topics, rows=30, sources=[SOURCE])
    first = worker.artifact(worker.run(request))
    before = endpoint.server.counts.requests
    larger = worker.artifact(worker.run(request.model_copy(update={"rows": 45})))
    assert [row["text"] for row in larger.rows()][:30] == [row["text"] for row in first.rows()]
    assert endpoint.server.counts.requests - before == 15
    assert larger.summary["ledger"]["sources"]["small"]["reused"] == 30


def test_too_few_rows_are_an_error_that_says_what_refused_them(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    worker = service(small=simulate().source())
    request = GenerationRequest(
        kind=DatasetKind.TEXT,
        topics=pool(worker, 30),
        rows=30,
        sources=[SOURCE],
        max_tokens=5,
        acceptance=Acceptance(near_duplicate=0.9),
    )
    ended = worker.run(request)
    assert (ended.state, ended.reason) == (JobState.FAILED, "candidates_exhausted")
    assert ended.error is not None
    assert "(the limit is 220)" in ended.error.detail
    assert "larger max_tokens" in ended.error.detail


def test_a_source_that_refuses_every_call_ends_the_job_at_once(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    endpoint = simulate()
    worker = service(small=endpoint.source())
    topics = pool(worker, 30)
    before = endpoint.server.counts.requests
    endpoint.server.behaviour.context = 20
    request = GenerationRequest(kind=DatasetKind.TEXT, topics=topics, rows=1000, sources=[SOURCE])
    ended = worker.run(request)
    assert (ended.state, ended.reason) == (JobState.FAILED, "source_refused")
    assert ended.error is not None
    assert "maximum context length is 20 tokens" in ended.error.detail
    assert endpoint.server.counts.requests - before < 100
