"""Lengths matched to the seeds in the source's own tokens: asked for, enforced, and said in the result."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import web

from services.generator.text.tokens import counter
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from tests.integration.generator.conftest import Service, Simulated, simulated_server, upload
from tests.simulation.server import MODEL, Behaviour, SimulatedServer

TOKENIZER = Path(__file__).parents[3] / "standin" / "models" / "generator" / "tokenizer.json"
SOURCE = SourceRef(name="small", model=MODEL, revision="1")


@pytest.fixture
def endpoint(simulate: Callable[..., Simulated]) -> Simulated:
    return simulate()


@pytest.fixture
def worker(endpoint: Simulated, service: Callable[..., Service]) -> Service:
    return service(small=endpoint.source(api="chat", tokenizer=str(TOKENIZER)))


def seeds() -> list[dict[str, Any]]:
    """Long words: many tokens for few words."""
    rng = random.Random(5)
    return [
        {"id": f"s{n}", "text": " ".join(["Quetzalcoatlus"] * rng.randint(3, 20)) + "."} for n in range(60)
    ]


def generation(worker: Service, length: dict[str, Any], **fields: Any) -> GenerationRequest:
    topics = worker.run(TopicsRequest(source=SOURCE, count=20)).artifact
    return GenerationRequest.model_validate(
        {
            "kind": "text",
            "topics": topics,
            "rows": 20,
            "max_candidates": 4000,
            "examples": upload(worker.store, DatasetKind.TEXT, seeds()),
            "sources": [SOURCE.model_dump()],
            "acceptance": {"length": length},
            **fields,
        }
    )


def test_the_tokenizer_of_the_source_counts_where_it_is_registered(worker: Service) -> None:
    artifact = worker.artifact(worker.run(generation(worker, {"slack": 0.1})))
    assert artifact.summary["lengths_counted_in"] == "tokenizer generator"
    count = counter(TOKENIZER)
    low, high = np.quantile([count(row["text"]) for row in seeds()], [0.01, 0.99])
    lengths = [count(row["text"]) for row in artifact.rows()]
    assert np.floor(low * 0.9) <= min(lengths) <= max(lengths) <= np.ceil(high * 1.1)
    words = [len(row["text"].split()) for row in artifact.rows()]
    assert max(words) > 20 * 1.1, "in words it would have been refused"


def test_words_may_be_asked_for_all_the_same(worker: Service) -> None:
    artifact = worker.artifact(worker.run(generation(worker, {"unit": "words"})))
    assert artifact.summary["lengths_counted_in"] == "words"
    assert max(len(row["text"].split()) for row in artifact.rows()) <= np.ceil(20 * 1.25)


def test_the_server_counts_where_it_is_asked_to(worker: Service) -> None:
    artifact = worker.artifact(worker.run(generation(worker, {"unit": "reported", "slack": 0.5})))
    assert artifact.summary["lengths_counted_in"] == "tokens reported by the source"
    assert all(1 <= row["origin"]["tokens"] <= 30 for row in artifact.rows())


@pytest.mark.parametrize(
    ("unit", "sources", "words"),
    [
        ("tokenizer", [{"name": "bare"}], "'bare' has no tokenizer registered"),
        ("reported", [{"name": "small"}, {"name": "other"}], "each in its own way"),
        ("reported", [{"name": "silent"}], "/tokenize is not there (vLLM has it)"),
    ],
)
def test_tokens_that_nobody_can_count_are_refused(
    worker: Service, endpoint: Simulated, unit: str, sources: list[dict[str, str]], words: str
) -> None:
    class Silent(SimulatedServer):
        async def _tokenize(self, request: web.Request) -> web.Response:
            return web.Response(status=404)

    with simulated_server(Behaviour(), Silent) as silent:
        worker.sources |= {
            "bare": endpoint.source(),
            "other": endpoint.source(revision="2"),
            "silent": silent.source(),
        }
        ended = worker.run(generation(worker, {"unit": unit}, sources=sources))
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert ended.error.code == "uncountable_lengths"
    assert words in ended.error.detail


def test_answers_are_held_to_the_answers_of_the_examples(worker: Service) -> None:
    """Not to their prompts and answers together: what is judged of a row is its answer alone."""
    short = [{"id": f"e{n}", "context": "word " * 300, "completion": "word " * 45} for n in range(20)]
    prompts = upload(
        worker.store, DatasetKind.COMPLETION, [{**row, "context": f"Prompt {row['id']}"} for row in short]
    )
    request = GenerationRequest.model_validate(
        {
            "kind": "completion",
            "strategy": "answers",
            "prompts": prompts,
            "rows": 8,
            "examples": upload(worker.store, DatasetKind.COMPLETION, short),
            "sources": [SOURCE.model_dump()],
            "acceptance": {"length": {"unit": "words", "slack": 0.5}},
        }
    )
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    assert all(len(row["completion"].split()) <= 68 for row in worker.artifact(ended).rows())
