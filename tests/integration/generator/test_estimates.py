"""An estimate with the model's own tokenizer counts prompts as the server then does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.prompts import Format
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import AnswerRule, Strategy
from shared.contracts.jobs import JobState
from tests.contract.sources.servers import Source, running_standin
from tests.integration.generator.conftest import Service, upload
from tests.real_vllm import MODEL, NAME

PROMPTS = [{"id": f"p{i}", "text": f"Topic: a fox and {'many ' * i}geese"} for i in range(12)]
TOKENS = 8


@pytest.fixture(scope="module")
def server() -> Iterator[Source]:
    with running_standin() as source:
        yield source


def test_an_estimate_comes_true(server: Source, service: Callable[..., Service]) -> None:
    worker = service(
        story={
            "base_url": f"{server.url}/v1",
            "model": NAME,
            "tokenizer": str(MODEL / "tokenizer.json"),
            "price_in": "2",
            "price_out": "6",
        }
    )
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION,
        strategy=Strategy.ANSWERS,
        prompts=upload(worker.store, DatasetKind.TEXT, PROMPTS),
        sources=[SourceRef(name="story")],
        answers=AnswerRule(system=None),
        format=Format.PLAIN,
        max_tokens=TOKENS,
    )
    estimate = worker.estimate(request)
    assert estimate.details is not None
    told = estimate.details.model_dump()
    ended = worker.run(request)
    assert ended.state is JobState.SUCCEEDED, ended.error
    ledger = worker.artifact(ended).summary["ledger"]
    spent = ledger["sources"]["story"]
    assert told["calls"]["expected"] == told["calls"]["low"] == spent["answered"] == len(PROMPTS)
    assert told["tokens_in"]["expected"] == spent["tokens_in"]
    assert told["tokens_out"]["low"] <= spent["tokens_out"] <= told["tokens_out"]["high"]
    money = told["money"]["USD"]
    assert money["low"] <= float(ledger["money"]["USD"]) <= money["high"]
    assert "tokenizer generator" in told["tokens_counted_by"]
