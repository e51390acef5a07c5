"""Every operation makes as many calls as its estimate says that it can: no fewer than the fewest where it
succeeds, no more than the most however it ends. Random small requests, run as jobs on a simulated source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from shared.artifacts import project_store
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthRule
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import Level, ParaphraseRule, Strategy, StyleRule
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments import (
    Aspect,
    Budget,
    ClusterAgentRequest,
    JudgeRequest,
    SelfPreferenceRequest,
)
from shared.contracts.jobs import JobState
from shared.identity import artifact_id
from shared.jobs.spending import spent
from tests.integration.generator.conftest import Service, Simulated, upload
from tests.simulation.server import MODEL

SOURCE = SourceRef(name="small", model=MODEL, revision="1")
TEXTS = [{"id": f"t{i}", "text": f"This is text number {i}, about thing {i % 7}."} for i in range(12)]
CONTEXTS = {f"c{i}": f"Story number {i}. " + "The fox met the goose. " * 5 for i in range(3)}
PAIRS = [
    {
        "id": f"{c}{j}",
        "context_id": c,
        "question": f"Who met the goose of {c}, part {j}?",
        "answer": "The fox",
    }
    for c in CONTEXTS
    for j in range(2)
]
LOOSE = Acceptance(length=LengthRule(match="off"), near_duplicate=None)
small = settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # each example is a job: a smaller one is not worth the time
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
_seeds: Iterator[int] = count(1)
"""Each request has a seed of its own: answers that an earlier one kept would be no calls."""


def seed() -> int:
    return next(_seeds)


@pytest.fixture
def worker(simulate: Callable[..., Simulated], service: Callable[..., Service]) -> Service:
    return service(small=simulate(vocabulary=400).source(api="chat", price_in="1", price_out="1"))


@pytest.fixture
def texts(worker: Service) -> str:
    return upload(worker.store, DatasetKind.TEXT, TEXTS)


@pytest.fixture
def pool(worker: Service) -> str:
    made = worker.run(TopicsRequest(source=SOURCE, count=15)).artifact
    assert made is not None
    return made


def check(worker: Service, request: JobRequest) -> None:
    said = worker.estimate(request).calls
    ended = worker.run(request)
    made = spent(project_store(worker.store, "p"), artifact_id(request))["calls"]
    assert made <= said.high, ended
    if ended.state is JobState.SUCCEEDED:
        assert said.low <= made, request
    assert said.low <= said.expected <= said.high


@small
@given(
    wanted=st.integers(1, 60),
    per_call=st.integers(1, 12),
    hierarchy=st.integers(0, 3),
    most=st.none() | st.integers(1, 30),
    kept=st.integers(0, 3),
)
def test_topics(
    worker: Service, wanted: int, per_call: int, hierarchy: int, most: int | None, kept: int
) -> None:
    check(
        worker,
        TopicsRequest(
            source=SOURCE,
            count=wanted,
            per_call=per_call,
            hierarchy=hierarchy,
            max_candidates=most,
            seeds=["the fox and the goose", "a river in flood", "an old red cart"][:kept],
            keep_seeds=True,
            seed=seed(),
        ),
    )


@small
@given(
    rows=st.integers(1, 25),
    more=st.none() | st.integers(0, 20),
    counts=st.lists(st.integers(1, 15), max_size=3),
    kind=st.sampled_from([DatasetKind.TEXT, DatasetKind.COMPLETION]),
)
def test_topic_guided_rows(
    worker: Service, pool: str, rows: int, more: int | None, counts: list[int], kind: DatasetKind
) -> None:
    check(
        worker,
        GenerationRequest(
            kind=kind,
            topics=pool,
            rows=rows,
            max_candidates=None if more is None else rows + more,
            levels=[Level(name=f"l{i}", topic_count=topics) for i, topics in enumerate(counts)],
            sources=[SOURCE],
            seed=seed(),
        ),
    )


@small
@given(rows=st.integers(1, 12))
def test_styles(worker: Service, pool: str, rows: int) -> None:
    """An answer is a row, of however many passages."""
    check(
        worker,
        GenerationRequest(
            kind=DatasetKind.TEXT,
            strategy=Strategy.STYLES,
            topics=pool,
            rows=rows,
            styles=StyleRule(passages=(3, 5)),
            sources=[SOURCE],
            seed=seed(),
        ),
    )


@small
@given(rows=st.none() | st.integers(1, 12), max_tokens=st.sampled_from([3, 12, 200]))
def test_answers(worker: Service, texts: str, rows: int | None, max_tokens: int) -> None:
    """With few tokens some answers are cut, and asked for again."""
    check(
        worker,
        GenerationRequest(
            kind=DatasetKind.COMPLETION,
            strategy=Strategy.ANSWERS,
            prompts=texts,
            rows=rows,
            max_tokens=max_tokens,
            sources=[SOURCE],
            acceptance=LOOSE,
            seed=seed(),
        ),
    )


@small
@given(
    per_context=st.integers(1, 6),
    paraphrases=st.integers(1, 3),
    groups=st.integers(0, 3),
    of=st.sampled_from(["real", "generated"]),
    contexts=st.none() | st.integers(1, 3),
)
def test_paraphrases(
    worker: Service, per_context: int, paraphrases: int, groups: int, of: Any, contexts: int | None
) -> None:
    replaced = paraphrases * min(groups, per_context // paraphrases)
    paraphrases = min(paraphrases, per_context)
    check(
        worker,
        GenerationRequest(
            kind=DatasetKind.QA,
            strategy=Strategy.PARAPHRASE,
            examples=upload(worker.store, DatasetKind.QA, PAIRS, CONTEXTS),
            rows=None if contexts is None else contexts * per_context,
            paraphrase=ParaphraseRule(
                per_context=per_context, paraphrases=paraphrases, replaced=replaced, paraphrase_of=of
            ),
            sources=[SOURCE],
            acceptance=LOOSE,
            seed=seed(),
        ),
    )


budgets = st.none() | st.integers(1, 40)


@small
@given(
    runs=st.integers(1, 12),
    criteria_runs=st.integers(1, 30),
    kept=st.integers(1, 3),
    given_criteria=st.booleans(),
    verify=st.booleans(),
    width=st.none() | st.sampled_from([0.5, 20.0]),
    calls=budgets,
)
def test_cluster_agent(
    worker: Service,
    texts: str,
    runs: int,
    criteria_runs: int,
    kept: int,
    given_criteria: bool,
    verify: bool,
    width: float | None,
    calls: int | None,
) -> None:
    check(
        worker,
        ClusterAgentRequest(
            dataset=texts,
            source=SOURCE,
            samples=4,
            runs=runs,
            criteria_runs=criteria_runs,
            kept=kept,
            criteria=["how much is said"] if given_criteria else [],
            verify=verify,
            interval_width=width,
            min_runs=3,
            budget=Budget(calls=calls),
            seed=seed(),
        ),
    )


@small
@given(
    rows=st.none() | st.integers(1, 12),
    tries=st.integers(1, 3),
    aspects=st.sampled_from([[Aspect.QUALITY], list(Aspect)]),
    same=st.integers(0, 12),
    calls=budgets,
)
def test_judge(
    worker: Service, rows: int | None, tries: int, aspects: list[Aspect], same: int, calls: int | None
) -> None:
    """Some rows are the same in all, their ids too: they are one call."""
    repeated = [TEXTS[0] if i < same else row for i, row in enumerate(TEXTS)]
    dataset = upload(worker.store, DatasetKind.TEXT, repeated)
    check(
        worker,
        JudgeRequest(
            dataset=dataset,
            source=SOURCE,
            rows=rows,
            tries=tries,
            aspects=aspects,
            rubric="Is the text kind?" if Aspect.RUBRIC in aspects else None,
            budget=Budget(calls=calls),
            seed=seed(),
        ),
    )


@small
@given(prompts=st.none() | st.integers(1, 12), same=st.integers(0, 12), calls=budgets)
def test_self_preference(
    worker: Service, texts: str, prompts: int | None, same: int, calls: int | None
) -> None:
    """Where both candidates wrote the same, both orders are one call."""
    others = [
        row if i < same else {**row, "text": f"Otherwise: {row['text']}"} for i, row in enumerate(TEXTS)
    ]
    check(
        worker,
        SelfPreferenceRequest(
            judge=SOURCE,
            candidates={"a": texts, "b": upload(worker.store, DatasetKind.TEXT, [*others, *others[:1]])},
            prompts=prompts,
            budget=Budget(calls=calls),
            seed=seed(),
        ),
    )


def test_twenty_topics_may_take_two_hundred_calls(worker: Service) -> None:
    """The gateway said 20 at most, and that 20 at least would be made with a budget of 15."""
    said = worker.estimate(TopicsRequest(source=SOURCE, count=20, per_call=2)).calls
    assert (said.low, said.high) == (5, 200)


def test_rows_that_are_still_to_be_made_are_counted_exactly(worker: Service, texts: str) -> None:
    prompts = "dataset-" + "9" * 32
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION, strategy=Strategy.ANSWERS, prompts=prompts, sources=[SOURCE]
    )
    estimate = worker.estimate(request, coming={prompts: {"rows": 100, "like": texts}})
    assert (estimate.calls.low, estimate.calls.high, estimate.makes.rows) == (100, 400, 100)
