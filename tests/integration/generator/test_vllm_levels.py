"""Gen-D0..D6 of both of W's pipelines against a real vLLM that serves the bundled generator.

The model has a million parameters, so the levels have few topics and contexts, and pairs are structured
output; everything else is as with a large one: a pool of its own topics, equal size, lengths like real rows'.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import orjson
import pytest

from shared.artifacts import Artifact
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import Level, Strategy, w_levels
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, upload
from tests.integration.generator.test_levels import distinct
from tests.real_vllm import NAME, RealVllm

pytestmark = pytest.mark.vllm

SOURCE = SourceRef(name="vllm", model=NAME, revision="1")
TOPIC_COUNTS = (1, 2, 5, 12, 30, 75, 200)
ROWS = 96
REAL = Path(__file__).parents[3] / "examples" / "data" / "stories.train.jsonl"


@pytest.fixture
def worker(vllm: RealVllm, service: Callable[..., Service]) -> Service:
    return service(vllm=vllm.source(concurrency=32))


def made(worker: Service, request: TopicsRequest | GenerationRequest) -> Artifact:
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    return worker.artifact(ended)


def real_stories(count: int) -> list[dict[str, Any]]:
    lines = REAL.read_bytes().splitlines()[:count]
    return [{"id": str(number), **orjson.loads(line)} for number, line in enumerate(lines)]


def test_levels_of_stories(worker: Service) -> None:
    pool = made(
        worker,
        TopicsRequest(source=SOURCE, count=max(TOPIC_COUNTS), format=Format.PLAIN, max_tokens=200, seed=1),
    )
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION,
        topics=pool.manifest.id,
        examples=upload(worker.store, DatasetKind.COMPLETION, real_stories(200)),
        examples_per_prompt=0,
        rows=ROWS,
        levels=[Level(name=f"Gen-D{i}", topic_count=count) for i, count in enumerate(TOPIC_COUNTS)],
        sources=[SOURCE],
        format=Format.PLAIN,
        max_tokens=160,
    )
    artifact = made(worker, request)
    rows = list(artifact.rows())
    assert Counter(row["level"] for row in rows) == {f"Gen-D{i}": ROWS for i in range(7)}
    by_level = [[row for row in rows if row["level"] == f"Gen-D{i}"] for i in range(7)]
    topics = [len({row["origin"]["topic"] for row in own}) for own in by_level]
    assert all(fewer < more for fewer, more in pairwise(topics)), topics
    values = [distinct([f"{row['context']} {row['completion']}" for row in own], 5) for own in by_level]
    few, some, many = mean(values[:2]), mean(values[2:5]), mean(values[5:])
    assert few < some < many, values  # above 30 topics this model has hardly more to say: neighbours may swap
    summary = artifact.summary
    assert summary["candidates"] == len(rows) + sum(summary["refused"].values())
    assert summary["rejects"] == sum(summary["refused"].values())
    ledger = summary["ledger"]["sources"]["vllm"]
    assert ledger["answered"] + ledger["reused"] == summary["candidates"]
    assert ledger["reused"] > ROWS  # a candidate whose topic stays is not paid for again


def test_levels_of_questions(worker: Service) -> None:
    stories = real_stories(8)
    contexts = {f"c{i}": f"{story['context']} {story['completion']}" for i, story in enumerate(stories)}
    real = [
        {
            "id": f"{c}-{j}",
            "context_id": c,
            "question": f"What happened in part {j} of it?",
            "answer": "A fox came.",
        }
        for c in contexts
        for j in range(2)
    ]
    examples = upload(worker.store, DatasetKind.QA, real, dict(contexts))
    request = GenerationRequest(
        kind=DatasetKind.QA,
        strategy=Strategy.PARAPHRASE,
        rows=2 * 30,
        examples=examples,
        examples_per_prompt=1,
        levels=w_levels(Strategy.PARAPHRASE),
        sources=[SOURCE],
        format=Format.PLAIN,
        structured=True,
        max_tokens=200,
        acceptance={"length": {"slack": 4}},
    )
    artifact = made(worker, request)
    rows = list(artifact.rows())
    assert Counter(row["level"] for row in rows) == {f"Gen-D{i}": 60 for i in range(7)}
    by_level = [[row for row in rows if row["level"] == f"Gen-D{i}"] for i in range(7)]
    values = []
    for own, replaced in zip(by_level, (30, 25, 20, 15, 10, 5, 0), strict=True):
        assert sum("paraphrase_of" in row for row in own) == 2 * replaced
        of_contexts = [[row for row in own if row["context_id"] == c] for c in ("c0", "c1")]
        assert [len(pairs) for pairs in of_contexts] == [30, 30]
        values.append(
            sum(distinct([f"{r['question']} {r['answer']}" for r in pairs], 5) for pairs in of_contexts)
        )
    assert all(low < high for low, high in pairwise(values)), values
    ledger = artifact.summary["ledger"]["sources"]["vllm"]
    refused = artifact.summary["refused"]
    asked = 2 * (30 + 30) + sum(refused.values()) - refused["replaced"]
    assert ledger["answered"] <= asked, "the levels share what they can"
