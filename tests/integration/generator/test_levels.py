"""Gen-D0..D6 of both of W's pipelines: equal size, diversity that rises with the level, shared calls paid
once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthRule
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import Level, ParaphraseRule, Strategy, w_levels
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated, upload
from tests.simulation.server import MODEL

SOURCE = SourceRef(name="small", model=MODEL, revision="1")


def distinct(texts: list[str], n: int = 3) -> float:
    grams = [
        tuple(w[i : i + n]) for text in texts if (w := text.lower().split()) for i in range(len(w) - n + 1)
    ]
    return len(set(grams)) / len(grams)


@pytest.fixture
def worker(simulate: Callable[..., Simulated], service: Callable[..., Service]) -> Service:
    return service(small=simulate().source(api="chat"))


def test_topic_levels(worker: Service) -> None:
    topics = worker.run(TopicsRequest(source=SOURCE, count=300)).artifact
    levels = [
        Level(name=f"Gen-D{i}", topic_count=count) for i, count in enumerate((1, 3, 10, 30, 60, 100, 300))
    ]
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION, topics=topics, rows=60, levels=levels, sources=[SOURCE]
    )
    artifact = worker.artifact(worker.run(request))
    rows = list(artifact.rows())
    assert Counter(row["level"] for row in rows) == {level.name: 60 for level in levels}
    assert len({row["id"] for row in rows}) == len(rows)
    by_level = {
        level.name: [f"{row['context']} {row['completion']}" for row in rows if row["level"] == level.name]
        for level in levels
    }
    values = [distinct(by_level[level.name]) for level in levels]
    assert all(low < high for low, high in pairwise(values)), values
    ledger = artifact.summary["ledger"]["sources"]["small"]
    assert ledger["answered"] + ledger["reused"] == artifact.summary["candidates"]
    assert ledger["reused"] > 60  # expected: Σ m/m' = 1/3 + .3 + 1/3 + 1/2 + .6 + 1/3 of 60


def test_paraphrase_levels(worker: Service) -> None:
    contexts = {f"c{i}": f"Story number {i}. " + f"The fox met the goose {i} times. " * 30 for i in range(4)}
    real = [
        {
            "id": f"{c}-{j}",
            "context_id": c,
            "question": f"Who met the goose of {c}, part {j}?",
            "answer": "The fox",
        }
        for c in contexts
        for j in range(3)
    ]
    examples = upload(worker.store, DatasetKind.QA, real, contexts)
    request = GenerationRequest(
        kind=DatasetKind.QA,
        strategy=Strategy.PARAPHRASE,
        examples=examples,
        levels=w_levels(Strategy.PARAPHRASE),
        sources=[SOURCE],
        acceptance=Acceptance(length=LengthRule(match="off")),
    )
    artifact = worker.artifact(worker.run(request))
    rows = list(artifact.rows())
    assert Counter(row["level"] for row in rows) == {f"Gen-D{i}": 4 * 30 for i in range(7)}
    for level, replaced in enumerate((30, 25, 20, 15, 10, 5, 0)):
        own = [row for row in rows if row["level"] == f"Gen-D{level}"]
        assert Counter(row["context_id"] for row in own) == dict.fromkeys(contexts, 30)
        paraphrases = [row for row in own if "paraphrase_of" in row]
        assert len(paraphrases) == 4 * replaced
        groups = Counter(row["paraphrase_of"] for row in paraphrases)
        assert set(groups.values()) <= {5}
    generated = [row for row in rows if row["level"] == "Gen-D6"]
    answers = [len({row["answer"] for row in rows if row["level"] == f"Gen-D{i}"}) for i in range(7)]
    assert answers == sorted(answers)
    assert len(generated) == len({row["origin"]["prompt_hash"] for row in generated})
    # 30 pairs and, at the lowest level, 6 × 5 paraphrases for each context: the other levels pay nothing
    assert artifact.summary["ledger"]["sources"]["small"]["answered"] == 4 * 60


@pytest.mark.parametrize("of", ["generated", "real"])
def test_both_readings_of_the_paraphrased_pair(worker: Service, of: str) -> None:
    contexts = {"c0": "A long story. " * 50, "c1": "Another story. " * 50}
    real = [
        {"id": f"{c}{j}", "context_id": c, "question": f"What of {c}, {j}?", "answer": f"real answer {c}{j}"}
        for c in contexts
        for j in range(2)
    ]
    request = GenerationRequest(
        kind=DatasetKind.QA,
        strategy=Strategy.PARAPHRASE,
        examples=upload(worker.store, DatasetKind.QA, real, contexts),
        paraphrase=ParaphraseRule(per_context=6, paraphrases=2, replaced=4, paraphrase_of=of),
        sources=[SOURCE],
        acceptance=Acceptance(length=LengthRule(match="off")),
    )
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    rows = list(worker.artifact(ended).rows())
    assert len({row["id"] for row in rows}) == len(rows) == 12
    written = [row["answer"] for row in rows if "paraphrase_of" in row]
    assert len(written) == 8
    assert all(answer.startswith("real answer") == (of == "real") for answer in written)
    gone = [row for row in worker.artifact(ended).rows("rejects.jsonl") if row["reason"] == "replaced"]
    assert len(gone) == 8, "pairs that gave way are paid for, so they are kept"
    assert not {row["text"] for row in gone} & {f"{row['question']} {row['answer']}" for row in rows}


def pairs(worker: Service, **fields: Any) -> GenerationRequest:
    contexts = {"c0": "A long story. " * 50, "c1": "Another story. " * 50}
    real = [
        {"id": f"{c}{j}", "context_id": c, "question": f"What of {c}, {j}?", "answer": f"It is {c}{j}"}
        for c in contexts
        for j in range(2)
    ]
    return GenerationRequest(
        kind=DatasetKind.QA,
        strategy=Strategy.PARAPHRASE,
        examples=upload(worker.store, DatasetKind.QA, real, contexts),
        paraphrase=ParaphraseRule(per_context=6, paraphrases=2, replaced=4),
        sources=[SOURCE],
        **fields,
    )


def test_more_rows_than_the_contexts_make_are_refused(worker: Service) -> None:
    ended = worker.run(pairs(worker, rows=18))
    assert (ended.state, ended.reason) == (JobState.FAILED, "invalid_request")
    assert ended.error is not None
    assert "2 contexts with per_context 6 make 12" in ended.error.detail


def test_paraphrases_are_judged_like_other_rows(worker: Service) -> None:
    off = LengthRule(match="off")
    free = worker.artifact(worker.run(pairs(worker, acceptance=Acceptance(length=off))))
    written = [row["question"] for row in free.rows() if "paraphrase_of" in row]
    held = [{"text": question} for question in written[:2]]
    acceptance = Acceptance(
        length=off, held_out=upload(worker.store, DatasetKind.TEXT, held), held_out_words=3
    )
    ended = worker.run(pairs(worker, acceptance=acceptance, seed=0))
    record = worker.records.get(ended.id)
    refused = (
        worker.artifact(record).summary["refused"]["contamination"]
        if record.state is JobState.SUCCEEDED
        else int("contamination" in str(record.error))
    )
    assert refused > 0, "a paraphrase may not repeat the held-out set either"
