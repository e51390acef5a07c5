"""The dial on a simulated model: topics, paraphrases and sources are moved until the measured value is
there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from services.generator.datasets.generation_inputs import GenerationInputs
from services.generator.dial.dialled import dial_dataset
from services.generator.dial.dialling import Reading
from services.generator.engine.session import Places, Session
from services.generator.errors import TargetUnreachable
from services.generator.inputs.values import Inputs, as_examples
from services.generator.sources.registry import Registry, SourceSpec
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.acceptance import Acceptance, LengthRule
from shared.contracts.generation.dial import DialTarget
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import ParaphraseRule, Strategy
from tests.integration.generator.conftest import Simulated

TOPICS = [
    f"the {a} {b}"
    for a in ["red", "blue", "old", "new", "wet", "dry", "shy", "sly"]
    for b in ["fox", "hen", "cart", "king", "bell"]
]
ARTIFACT = "topics-" + "0" * 32
REAL = "dataset-" + "0" * 32


async def distinct(texts: Sequence[str]) -> Reading:
    grams = [tuple(w[i : i + 3]) for text in texts if (w := text.lower().split()) for i in range(len(w) - 2)]
    return Reading(len(set(grams)) / len(grams))


def dialled(
    request: GenerationRequest, inputs: Inputs, *endpoints: Simulated
) -> tuple[list[dict[str, Any]], Any]:
    """Rows and outcome; each endpoint is a source of a model of its own."""
    models = [endpoint.server.behaviour.models[0] for endpoint in endpoints]
    specs = {
        model: SourceSpec(base_url=endpoint.url, model=model)  # type: ignore[arg-type]
        for model, endpoint in zip(models, endpoints, strict=True)
    }
    registry = Registry(specs)
    given = GenerationInputs(request, inputs, registry.targets(request.sources))

    async def run() -> tuple[list[dict[str, Any]], Any]:
        async with Session(registry.lanes(request.sources), Places.nowhere()) as session:
            record, found = await dial_dataset(given, session, distinct)
            return [row async for row in record.rows()], found

    return asyncio.run(run())


def topic_request(**dial: Any) -> GenerationRequest:
    return GenerationRequest(
        kind=DatasetKind.TEXT,
        topics=ARTIFACT,
        rows=120,
        sources=[SourceRef(name="a")],
        dial=DialTarget(**{"metric": "distinct_5", "probe_rows": 30, **dial}),
    )


@pytest.mark.parametrize("value", [0.72, 0.8])
def test_topics_are_counted_up_or_down_to_the_value(simulate: Callable[..., Simulated], value: float) -> None:
    endpoint = simulate(models=("a",), vocabulary=4)
    rows, found = dialled(topic_request(value=value, tolerance=0.02), Inputs(topics=TOPICS), endpoint)
    assert found.missed == ""
    assert abs(found.reading.value - value) <= 0.02
    assert len(rows) == 120
    assert len({row["origin"]["topic"] for row in rows}) <= found.setting
    full = [tried for tried in found.rounds if tried.rows == 120]
    assert endpoint.server.counts.requests < 120 * len(full) + 30 * (len(found.rounds) - len(full))


def test_what_cannot_be_had_is_said_with_the_closest(simulate: Callable[..., Simulated]) -> None:
    with pytest.raises(TargetUnreachable) as raised:
        dialled(topic_request(value=0.999, tolerance=0.001), Inputs(topics=TOPICS), simulate(models=("a",)))
    assert "even at its end, 40, the knob gives" in raised.value.detail
    assert "The closest dataset has 0.9" in raised.value.detail


def test_the_closest_may_be_kept(simulate: Callable[..., Simulated]) -> None:
    request = topic_request(value=0.999, tolerance=0.001, when_missed="closest")
    rows, found = dialled(request, Inputs(topics=TOPICS), simulate(models=("a",)))
    assert len(rows) == 120
    assert found.setting == len(TOPICS)
    assert found.missed


def test_paraphrases_are_a_knob(simulate: Callable[..., Simulated]) -> None:
    contexts = {f"c{i}": f"Text {i}. " * 40 for i in range(6)}
    real = [{"context_id": c, "question": f"What is {c}?", "answer": "a text"} for c in contexts]
    request = GenerationRequest(
        kind=DatasetKind.QA,
        strategy=Strategy.PARAPHRASE,
        examples=REAL,
        paraphrase=ParaphraseRule(per_context=10, paraphrases=2),
        sources=[SourceRef(name="a")],
        acceptance=Acceptance(length=LengthRule(match="off")),
        dial=DialTarget(value=0.94, tolerance=0.01, knob="replaced"),
    )
    inputs = Inputs(examples=as_examples(DatasetKind.QA, real), contexts=contexts)
    rows, found = dialled(request, inputs, simulate(models=("a",)))
    assert abs(found.reading.value - 0.94) <= 0.01
    assert len(rows) == 60
    assert 0 < found.setting < 30


def test_the_share_of_a_second_source_is_a_knob(simulate: Callable[..., Simulated]) -> None:
    """The second model repeats itself: the more of it, the lower the diversity, which the dial finds out."""
    varied, dull = simulate(models=("a",)), simulate(models=("dull",), vocabulary=1)
    request = topic_request(value=0.75, tolerance=0.02, knob="weights")
    request = request.model_copy(update={"sources": [SourceRef(name="a"), SourceRef(name="dull")]})
    rows, found = dialled(request, Inputs(topics=TOPICS), varied, dull)
    assert abs(found.reading.value - 0.75) <= 0.02
    models = [row["origin"]["model"] for row in rows]
    assert 0 < models.count("dull") < 120
