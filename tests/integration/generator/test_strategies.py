"""Answers to given prompts (E), and styles and personas (C), from the request to the rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from services.generator.strategies.styles import bundled_personas
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthRule
from shared.contracts.generation.prompts import Format, Templates
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import (
    AnswerRule,
    ParaphraseRule,
    Strategy,
    StyleRule,
    StyleTemplate,
    TopicOrder,
)
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated, upload

PROMPTS = [{"id": f"p{i}", "text": f"Explain thing number {i}."} for i in range(24)]
MODELS = ("one", "two", "three")


@pytest.fixture
def worker(simulate: Callable[..., Simulated], service: Callable[..., Service]) -> Service:
    """Three models, each at a server of its own."""
    return service(**{name: simulate(models=(name,)).source(model=name) for name in MODELS})


def answers(worker: Service, **fields: Any) -> list[dict[str, Any]]:
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION,
        strategy=Strategy.ANSWERS,
        prompts=upload(worker.store, DatasetKind.TEXT, PROMPTS),
        **fields,
    )
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    return list(worker.artifact(ended).rows())


def test_one_source_answers_every_prompt_once(worker: Service) -> None:
    rows = answers(worker, sources=[SourceRef(name="one")])
    assert [row["prompt_id"] for row in rows] == [prompt["id"] for prompt in PROMPTS]
    assert [row["context"] for row in rows] == [prompt["text"] for prompt in PROMPTS]
    assert {row["origin"]["model"] for row in rows} == {"one"}


def test_each_source_answers_one_chunk(worker: Service) -> None:
    rows = answers(
        worker, sources=[SourceRef(name=name) for name in MODELS], answers=AnswerRule(assign="chunk")
    )
    assert [row["origin"]["model"] for row in rows] == [name for name in MODELS for _ in range(8)]


def test_sources_answer_by_weight(worker: Service) -> None:
    sources = [SourceRef(name="one", weight=3), SourceRef(name="two", weight=1)]
    rows = answers(worker, sources=sources, answers=AnswerRule(assign="weight"))
    shares = Counter(row["origin"]["model"] for row in rows)
    assert shares["one"] > shares["two"] > 0
    assert shares.total() == len(PROMPTS)


def test_another_source_pays_for_its_own_calls_only(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    """A recipe that gains a model, or loses one, asks the others nothing that they answered before."""
    served = {name: simulate(models=(name,)) for name in MODELS}
    worker = service(**{name: endpoint.source(model=name) for name, endpoint in served.items()})

    def asked(*names: str) -> dict[str, int]:
        before = {name: endpoint.server.counts.requests for name, endpoint in served.items()}
        assign = "chunk" if len(names) > 1 else "single"
        answers(worker, sources=[SourceRef(name=n) for n in names], answers=AnswerRule(assign=assign))
        return {name: served[name].server.counts.requests - before[name] for name in names}

    assert asked("one") == {"one": 24}
    assert asked("one", "two", "three") == {"one": 0, "two": 8, "three": 8}
    assert asked("two") == {"two": 16}


def test_the_dead_among_several_models_is_named(
    simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    dead = {"base_url": "http://127.0.0.1:9/v1", "model": "gone"}
    worker = service(one=simulate(models=("one",)).source(model="one"), gone=dead)
    worker.patience = 0.5
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION,
        strategy=Strategy.ANSWERS,
        prompts=upload(worker.store, DatasetKind.TEXT, PROMPTS),
        sources=[SourceRef(name="one"), SourceRef(name="gone")],
        answers=AnswerRule(assign="chunk"),
    )
    ended = worker.run(request)
    assert (ended.state, ended.reason) == (JobState.FAILED, "source_unavailable")
    assert ended.error is not None
    assert "no source can serve gone" in ended.error.detail
    assert "cannot connect to 127.0.0.1:9" in ended.error.detail


@pytest.mark.parametrize("template", list(StyleTemplate))
def test_lessons_are_structured(worker: Service, template: StyleTemplate) -> None:
    topics = worker.run(TopicsRequest(source=SourceRef(name="one"), count=10)).artifact
    request = GenerationRequest(
        kind=DatasetKind.TEXT,
        strategy=Strategy.STYLES,
        topics=topics,
        topic_order=TopicOrder.BALANCED,
        rows=20,
        styles=StyleRule(template=template),
        sources=[SourceRef(name="one")],
    )
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    rows = list(worker.artifact(ended).rows())
    first_topics = Counter(row["topics"][0] for row in rows)
    assert set(first_topics.values()) == {2}, "T = 10 topics, G = 2 lessons each"
    for row in rows:
        question = row["multiple_choice_question"]
        assert 3 <= len(row["passages"]) <= 5
        assert len(question["options"]) == 4
        assert question["answer_label"] in "ABCD"
        assert all(passage["passage"] in row["text"] for passage in row["passages"])
        assert (row["style"] == "") == (template is StyleTemplate.TOPIC)
        assert (row["persona"] in bundled_personas()) == (row["persona"] != "")
        assert len(row["topics"]) == (3 if template is StyleTemplate.MULTI_TOPIC else 1)


@pytest.mark.parametrize("strategy", [Strategy.TOPIC_GUIDED, Strategy.PARAPHRASE])
@pytest.mark.parametrize("format_name", list(Format))
def test_pairs_may_be_structured(worker: Service, strategy: Strategy, format_name: Format) -> None:
    contexts = {f"c{i}": f"The story of number {i}. " * 9 for i in range(2)}
    pairs = [
        {"id": f"{c}{j}", "context_id": c, "question": f"Who is {j}?", "answer": f"It is {c}."}
        for c in contexts
        for j in range(2)
    ]
    request = GenerationRequest(
        kind=DatasetKind.QA,
        strategy=strategy,
        topics=worker.run(TopicsRequest(source=SourceRef(name="one"), count=5)).artifact,
        examples=upload(worker.store, DatasetKind.QA, pairs, contexts),
        rows=12,
        paraphrase=ParaphraseRule(per_context=6, paraphrases=2, replaced=2),
        sources=[SourceRef(name="one")],
        format=format_name,
        structured=True,
        acceptance=Acceptance(length=LengthRule(match="off")),
    )
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    artifact = worker.artifact(ended)
    rows = list(artifact.rows())
    assert Counter(row["context_id"] for row in rows) == {"c0": 6, "c1": 6}
    assert all(row["question"] and row["answer"] for row in rows)
    assert artifact.summary["refused"].get("parse", 0) == 0
    assert sum("paraphrase_of" in row for row in rows) == (4 if strategy is Strategy.PARAPHRASE else 0)


def test_a_template_of_the_callers_own(worker: Service) -> None:
    rows = answers(
        worker,
        sources=[SourceRef(name="one")],
        templates=Templates(prompt="Write a text of exactly 2 sentences. {{ prompt | upper }}"),
    )
    assert all(row["completion"].count(". ") == 1 for row in rows)


def test_answers_that_repeat_another_are_passed_over_in_the_prompts_order(worker: Service) -> None:
    """Decided once, when it is an answer's turn: which of two stays is the same in every run."""
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION,
        strategy=Strategy.ANSWERS,
        prompts=upload(worker.store, DatasetKind.TEXT, PROMPTS),
        temperature=0.0,
        acceptance=Acceptance(near_duplicate=0.9),
        templates=Templates(prompt="Always the same."),
        sources=[SourceRef(name="one")],
        rows=1,
    )
    [row] = worker.artifact(worker.run(request)).rows()
    assert row["prompt_id"] == "p0"
    short = worker.run(request.model_copy(update={"rows": 2}))
    assert short.reason == "candidates_exhausted"
    assert "1 of 2 rows after 24 candidates" in str(short.error)
    assert "23 near_duplicate" in str(short.error)
