"""An estimate with the model's own tokenizer counts prompts as the server then does."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.inputs.values import Inputs, as_examples
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthMatch, LengthRule
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


def test_a_stated_speed_says_how_long_it_takes(server: Source, service: Callable[..., Service]) -> None:
    """All calls together: forty tokens a second are forty, however many calls are in flight."""
    source = {"base_url": f"{server.url}/v1", "model": NAME, "tokenizer": str(MODEL / "tokenizer.json")}
    worker = service(known={**source, "tokens_per_second": 40}, unknown=source)
    prompts = upload(worker.store, DatasetKind.TEXT, PROMPTS)
    seconds, told = {}, {}
    for name in ("known", "unknown"):
        request = GenerationRequest(
            kind=DatasetKind.COMPLETION,
            strategy=Strategy.ANSWERS,
            prompts=prompts,
            sources=[SourceRef(name=name)],
            format=Format.PLAIN,
            max_tokens=TOKENS,
        )
        details = worker.estimate(request).details
        assert details is not None
        told[name] = details.model_dump()
        seconds[name] = told[name]["seconds"]
    written = told["known"]["tokens_out"]["expected"] + told["known"]["tokens_in"]["expected"] / 4
    assert seconds["known"]["expected"] == pytest.approx(written / 40, abs=0.1)
    assert (
        seconds["unknown"]["high"] * seconds["known"]["low"]
        > seconds["known"]["high"] * seconds["unknown"]["low"]
    )


def test_max_tokens_may_follow_from_what_acceptance_takes() -> None:
    """The longest of the examples has forty words, and a row may have a quarter more."""
    rows = [{"id": str(n), "text": "word " * (20 + n)} for n in range(21)]
    asked = GenerationRequest(
        kind=DatasetKind.TEXT,
        topics=f"topics-{'0' * 32}",
        rows=4,
        sources=[SourceRef(name="story")],
        examples=f"dataset-{'0' * 32}",
        max_tokens=None,
    )
    inputs = Inputs(topics=["a fox"], examples=as_examples(DatasetKind.TEXT, rows))
    assert GenerationInputs(asked, inputs, []).params().max_tokens == 50 * 1.5 + 8
    off = asked.model_copy(update={"acceptance": Acceptance(length=LengthRule(match=LengthMatch.OFF))})
    assert GenerationInputs(off, inputs, []).params().max_tokens == 512
    assert GenerationInputs(asked.model_copy(update={"max_tokens": 9}), inputs, []).params().max_tokens == 9
