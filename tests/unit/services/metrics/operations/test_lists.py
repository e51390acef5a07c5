"""The rows that measures name: parts of the measurement, with ids and texts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.metrics.operations.measure import Measuring
from services.metrics.operations.select import make_mixture
from services.metrics.operations.text_sets import embedders
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.results import GenerationSummary
from shared.contracts.measurement import MeasurementRequest, Metric
from shared.contracts.mixture import MixtureRequest
from shared.prompts import PromptBook

MADE_BEFORE = Path("tests/data/artifacts/generate-3.json")
EXAMPLE = "once there was a small red fox that ran far away from home"
PROMPT = f"Write a story of eight words or more about the sea. For example:\n\n{EXAMPLE}"
ROWS = [
    {"text": f"{EXAMPLE} and then it came back"},
    {"text": "a story of eight words or more about the sea it is"},
    {"text": "nobody had ever seen the old mill by the river again"},
]


@pytest.fixture
def measuring() -> Measuring:
    return Measuring(embedders({}))


def generated(bench: Any, rows: list[dict[str, Any]], examples: str | None, topic: str = "the sea") -> str:
    """A dataset of rows about a topic that were all asked for with one prompt, which shows the examples."""

    def generate(request: GenerationRequest, workspace: Any) -> GenerationSummary:
        workspace.output.put_rows(
            "prompts.jsonl", map(json.loads, PromptBook().lines("p1", [("user", PROMPT)]))
        )
        origin = {"prompt_hash": "p1", "topic": topic}
        kept = [row | {"id": f"r{place}", "origin": origin} for place, row in enumerate(rows)]
        workspace.output.put_rows("rows.jsonl", kept)
        summary = json.loads(MADE_BEFORE.read_text(encoding="utf-8"))["summary"]
        return GenerationSummary.model_validate(summary | {"kind": "text", "rows": len(rows)})

    topics = bench.dataset([{"text": "the sea"}])
    request = GenerationRequest(
        kind=DatasetKind.TEXT, rows=len(rows), topics=topics, sources=[{"name": "s"}], examples=examples
    )
    return str(bench.run(generate, request).id)


def echo(bench: Any, measuring: Measuring, dataset: str) -> Any:
    request = MeasurementRequest(dataset=dataset, metrics=[Metric.ECHO], pictures=False)
    return bench.run(measuring.measure, request)


def test_rows_that_repeat_their_prompt_or_an_example_are_listed(bench: Any, measuring: Measuring) -> None:
    examples = bench.dataset([{"text": EXAMPLE}])
    made = echo(bench, measuring, generated(bench, ROWS, examples))
    assert made.summary["echo_share"] == pytest.approx(2 / 3)
    assert made.summary["copied_example_share"] == pytest.approx(1 / 3)
    listed = {row["id"]: row for row in made.rows("echoes.jsonl")}
    assert listed.keys() == {"r0", "r1"}
    assert listed["r0"]["copies_example"] is True
    assert listed["r1"]["copies_example"] is False
    assert listed["r1"]["repeats"] == "a story of eight words or more about"
    assert listed["r0"]["text"] == ROWS[0]["text"]


def test_the_topic_may_be_repeated(bench: Any, measuring: Measuring) -> None:
    dataset = generated(bench, ROWS, None, topic="a story of eight words or more about the sea")
    assert [row["id"] for row in echo(bench, measuring, dataset).rows("echoes.jsonl")] == ["r0"]


def test_without_examples_nothing_is_said_of_them(bench: Any, measuring: Measuring) -> None:
    made = echo(bench, measuring, generated(bench, ROWS, None))
    assert "copied_example_share" not in made.summary


def test_rows_of_a_mixture_are_traced_to_their_prompts(bench: Any, measuring: Measuring) -> None:
    real = bench.dataset([{"text": f"a real row of number {number}"} for number in range(3)])
    synthetic = generated(bench, ROWS, None)
    mixture = MixtureRequest(real=real, generated=synthetic, size=6, rho=0.5)
    mixed = bench.run(make_mixture, mixture).id
    made = echo(bench, measuring, mixed)
    value = made.json("measurement.json")["values"][0]
    assert value["value"] == pytest.approx(2 / 3)
    assert (value["estimator"]["rows"], value["estimator"]["rows_without_prompt"]) == (3, 3)


def test_real_rows_that_nothing_comes_near_are_listed_with_what_is_nearest(
    bench: Any, measuring: Measuring
) -> None:
    near = [f"the cat sat by the tree and saw {number} birds" for number in range(12)]
    far = [f"quantum chromodynamics predicts {number} gluons" for number in range(3)]
    reference = bench.dataset([{"text": text} for text in near + far])
    dataset = bench.dataset(
        [{"text": f"the cat sat by a tree and saw {number} birds"} for number in range(20, 32)]
    )
    request = MeasurementRequest(
        dataset=dataset, reference=reference, metrics=[Metric.COVERAGE], neighbours=2, pictures=True
    )
    made = bench.run(measuring.measure, request)
    listed = list(made.rows("uncovered.jsonl"))
    assert {row["text"] for row in listed[:3]} == set(far)
    assert made.summary["coverage"] == pytest.approx(1 - len(listed) / 15)
    assert all(row["distance"] >= row["radius"] for row in listed)
    assert listed[0]["nearest"]["text"].startswith("the cat sat by a tree")
    assert {"coverage.png", "coverage.csv"} <= {part.name for part in made.manifest.parts}
