"""A report says what the figures say, stands alone, and lets nothing from outside become markup."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from services.metrics.operations.measure import Measuring
from services.metrics.operations.report import make_report
from services.metrics.operations.text_sets import embedders
from shared.contracts.advice import ProposalSummary
from shared.contracts.base import ArtifactId, ArtifactKind, ArtifactSummary, JobRequest, Queue
from shared.contracts.datasets import DatasetKind
from shared.contracts.measurement import MeasurementRequest, Metric
from shared.contracts.report import ReportRequest, ReportRun
from shared.contracts.training.requests import TrainingRequest
from shared.contracts.training.settings import EarlyStopping, TrainingSettings
from tests.summaries import AnySummary, summary_of
from tests.unit.services.metrics import phrases

TEST = [{"id": str(n), "text": f"Held-out row {n}."} for n in range(200)]


class Evaluated(JobRequest):
    """Stands for an evaluation: its artifact has the trainer's parts and summary."""

    operation: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.EVALUATION
    queue: ClassVar[Queue] = Queue.TRAIN
    result: ClassVar[type[AnySummary]] = AnySummary

    shift: float
    dataset: ArtifactId

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset}


def evaluate(request: Evaluated, workspace: Any) -> AnySummary:
    random = np.random.default_rng(0)
    tokens = random.integers(5, 20, 200)
    nll = tokens * (3 + request.shift) + random.normal(size=200)
    rows = [
        {"id": str(n), "tokens": int(t), "nll": float(v)}
        for n, (t, v) in enumerate(zip(tokens, nll, strict=True))
    ]
    workspace.output.put_rows("rows.jsonl", rows)
    loss = float(nll.sum() / tokens.sum())
    return AnySummary(loss=loss, perplexity=float(np.exp(loss)), tokens=int(tokens.sum()))


LEXICAL = (Metric.DISTINCT, Metric.LENGTHS, Metric.HEAPS)


def make_run(
    bench: Any, name: str, words: int, shift: float, metrics: Sequence[Metric] = LEXICAL, **axes: Any
) -> ReportRun:
    random = np.random.default_rng(words)
    rows = [{"text": " ".join(f"w{n}" for n in random.integers(0, words, 10))} for _ in range(80)]
    dataset = bench.dataset(rows)
    asked = MeasurementRequest(dataset=dataset, metrics=list(metrics), pictures=False)
    measurement = bench.run(Measuring(embedders({})).measure, asked)
    evaluation = bench.run(evaluate, Evaluated(shift=shift, dataset=bench.dataset(TEST)))
    return ReportRun(
        name=name, axes=axes, dataset=dataset, measurement=measurement.id, evaluation=evaluation.id
    )


class Page(HTMLParser):
    """Gathers what a browser would load, and the text it would show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.tags: list[str] = []
        self.shown = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.tags.append(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.shown += data


@pytest.fixture
def request_of(bench: Any) -> ReportRequest:
    levels = [(5, 0.4), (20, 0.2), (60, 0.1), (300, 0.25)]
    runs = [make_run(bench, f"{words} topics", words, shift, topics=words) for words, shift in levels]
    return ReportRequest(
        title="Fairy tales <script>alert(1)</script>",
        x="distinct_2",
        runs=[make_run(bench, "real", 500, 0.0), *runs],
        notes=["one & only seed"],
        recipe={"name": "<b>demo</b>"},
    )


def test_a_report_tells_the_runs(bench: Any, request_of: ReportRequest) -> None:
    made = bench.run(make_report, request_of)
    page = Page(made.read("report.html").decode())
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert len(page.sources) == len(made.summary["pictures"]) == 4
    assert "script" not in page.tags
    assert "Fairy tales <script>alert(1)</script>" in page.shown
    assert '"name": "<b>demo</b>"' in page.shown
    assert request_of.runs[2].measurement in page.shown
    findings = made.summary["findings"]
    assert "60 topics (80 rows; topics 60)" in findings[0]
    assert "+0.1 (+0.1 to +0.1) from real's" in findings[0]
    assert any("5 topics" in said and "+0.4" in said for said in findings)
    assert any("Spearman" in said for said in findings)
    assert made.summary["recommended"][0]["verdict"] == "keep_baseline"
    assert made.summary["recommended"][0]["dataset"] == request_of.runs[0].dataset


@pytest.mark.parametrize("projection", ["pca", "tsne"])
def test_what_was_embedded_is_in_one_map(bench: Any, projection: Literal["pca", "tsne"]) -> None:
    """A map of every dataset in the same coordinates; what nothing embedded is in none."""
    metrics = [Metric.DISTINCT, Metric.VENDI]
    runs = [
        make_run(bench, name, words, 0.0, metrics)
        for name, words in (("real", 500), ("few", 5), ("many", 300))
    ]
    plain = make_run(bench, "not embedded", 40, 0.0)
    made = bench.run(make_report, ReportRequest(runs=[*runs, plain], map=projection))
    rows = made.json(f"map_{projection}.json")["rows"]
    assert {row["dataset"] for row in rows} == {"real", "few", "many"}
    assert f"map_{projection}" in made.summary["pictures"]
    alone = bench.run(make_report, ReportRequest(runs=[runs[0], plain], map=projection))
    assert not any(name.startswith("map") for name in alone.summary["pictures"])


def test_questions_about_one_context_are_one_draw(bench: Any) -> None:
    """Forty questions each about five contexts: the interval is over five draws, not over two hundred."""
    pairs = [
        {"id": str(n), "context_id": f"c{n % 5}", "question": f"What is {n}?", "answer": f"It is {n}."}
        for n in range(200)
    ]
    contexts = {f"c{n}": f"Context {n}." for n in range(5)}
    asked = bench.dataset(pairs, DatasetKind.QA, contexts)
    alone = bench.dataset([{"id": row["id"], "text": row["answer"]} for row in pairs])
    width = {}
    for name, dataset in (("asked", asked), ("alone", alone)):
        run = ReportRun(name="real", evaluation=bench.run(evaluate, Evaluated(shift=0, dataset=dataset)).id)
        report = bench.run(make_report, ReportRequest(title=name, runs=[run]))
        outcome = report.json("report.json")["answers"][0]["doses"][0]["outcome"]
        width[name] = outcome["high"] - outcome["low"]
    assert width["asked"] != pytest.approx(width["alone"], rel=0.05)


def test_the_table_is_there_as_csv_and_json(bench: Any, request_of: ReportRequest) -> None:
    made = bench.run(make_report, request_of)
    table = list(csv.DictReader(io.StringIO(made.read("table.csv").decode())))
    assert [row["run"] for row in table] == ["real", "5 topics", "20 topics", "60 topics", "300 topics"]
    assert [row["topics"] for row in table] == ["", "5", "20", "60", "300"]
    assert float(table[1]["difference"]) == pytest.approx(0.4)
    assert float(table[1]["loss_low"]) < float(table[1]["loss"]) < float(table[1]["loss_high"])
    assert float(table[1]["distinct_5_low"]) <= float(table[1]["distinct_5"])
    whole = made.json("report.json")
    assert whole["table"][1]["loss"]["value"] == float(table[1]["loss"])
    json.dumps(whole, allow_nan=False)
    doses = list(csv.DictReader(io.StringIO(made.read("dose_response.csv").decode())))
    assert [row["name"] for row in doses] == ["5 topics", "20 topics", "60 topics", "300 topics", "real"]


def test_runs_that_have_not_been_evaluated_are_still_told(bench: Any) -> None:
    made = bench.run(make_report, ReportRequest(runs=[ReportRun(name="nothing yet", axes={"level": 1})]))
    assert made.summary["findings"] == ["No run has been evaluated: there is nothing to compare yet."]
    assert made.summary["pictures"] == []


def test_a_level_run_cannot_be_told_from_the_baseline(bench: Any) -> None:
    runs = [make_run(bench, "real", 30, 0.0), make_run(bench, "same", 31, 0.0)]
    made = bench.run(make_report, ReportRequest(runs=runs))
    [answer] = made.json("report.json")["answers"]
    assert answer["avoid"] == []
    assert {answer["recommended"]["name"], *answer["ties"]} == {"real", "same"}


class Proposed(JobRequest):
    """Stands for a search's last proposal."""

    operation: ClassVar[str] = "propose"
    version: ClassVar[int] = 2
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[ProposalSummary]] = ProposalSummary


def proposed(request: Proposed, workspace: Any) -> ProposalSummary:
    trials = [
        {"pool": "D5", "rho": 0.2, "value": 1.0, "rung": 1, "outcome": "kept", "mixture": "dataset-a"},
        {"pool": "D5", "rho": 0.2, "value": 2.0, "rung": 0, "outcome": "kept", "mixture": "dataset-b"},
        {"pool": "<i>D1", "rho": 0.6, "value": 3.0, "rung": 0, "outcome": "pruned", "mixture": "dataset-c"},
        {"pool": None, "rho": None, "value": None, "rung": 0, "outcome": "failed", "mixture": "dataset-d"},
    ]
    workspace.output.put_json("trials.json", trials)
    return ProposalSummary(
        kind=DatasetKind.TEXT, rows=30, real=24, generated=6, unit="rows", rho=0.2,
        pool="D5", pool_dataset="dataset-" + "5" * 32, planned_rho=0.2, trials=4,
    )  # fmt: skip


def test_a_search_is_told_with_its_mixture_and_every_trial(bench: Any, request_of: ReportRequest) -> None:
    trials = bench.run(proposed, Proposed()).id
    made = bench.run(make_report, request_of.model_copy(update={"trials": trials}))
    report = made.json("report.json")
    assert report["findings"][1] == (
        "The search's mixture is 24 real rows and 6 of the pool D5 (ρ = 0.2); of 4 trials in 2 rungs 1 were "
        "pruned, 1 failed."
    )
    page = made.read("report.html").decode()
    assert [page.count(f"<td>{outcome}</td>") for outcome in ("kept", "pruned", "failed")] == [2, 1, 1]
    assert "<i>D1" not in page


def test_two_runs_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=phrases.SAME_NAME):
        ReportRequest(runs=[ReportRun(name="a"), ReportRun(name="a")])


def trained(request: TrainingRequest, workspace: Any) -> ArtifactSummary:
    """Thirty steps over eighty rows, three epochs; the loss falls to the end, that on held-back rows, where
    there are some, until step 20."""
    best = 20 if request.settings.early_stopping else None
    points = [
        {
            "step": step,
            "loss": 5 - step / 10,
            "validation_loss": 3 + abs(step - best) / 10 if best and step % 10 == 0 else None,
        }
        for step in range(1, 31)
    ]
    workspace.output.put_json("loss_curve.json", points)
    counts = {"rows": 80, "tokens": 800, "predicted_tokens": 800, "longest": 10}
    return summary_of(
        request,
        steps=30,
        planned_steps=30,
        tokens=2400,
        best_step=best,
        stopped_early=False,
        rendering=counts,
    )


def test_each_run_says_what_it_is_tested_as_and_how_long_it_was_trained(bench: Any) -> None:
    rows, held_back = (bench.dataset([{"text": text}]) for text in ("a row", "a held-back row"))
    fixed = TrainingSettings(rows_per_step=8)
    stopping = fixed.model_copy(update={"early_stopping": EarlyStopping(patience=2)})
    models = {
        name: bench.run(
            trained,
            TrainingRequest(dataset=rows, base="story-base", validation=held_back, settings=settings),
        ).id
        for name, settings in (("real", stopping), ("D4", fixed))
    }
    real = make_run(bench, "real", 500, 0.0).model_copy(update={"design": "alone", "model": models["real"]})
    added = make_run(bench, "real + D4", 300, -0.4).model_copy(
        update={"design": "in_addition_to", "pool": "D4", "model": models["D4"]}
    )
    made = bench.run(make_report, ReportRequest(runs=[real, added]))
    [answer] = made.json("report.json")["answers"]
    assert (answer["verdict"], answer["tested_against"]) == ("add", ["in_addition_to", "training_longer"])
    doses = {dose["name"]: dose for dose in answer["doses"]}
    assert doses["real + D4"]["pool"] == "D4"
    assert [(length["epochs"], length["chosen"]) for length in doses["real"]["lengths"]] == [(2.0, True)]
    [length] = doses["real + D4"]["lengths"]
    assert (length["epochs"], length["chosen"], length["falling"]) == (3.0, False, True)
    page = Page(made.read("report.html").decode()).shown
    assert "in addition to" in page
    assert "2 (of up to 3, by held-back rows)" in page
    assert "3 (fixed, still falling)" in page
    assert made.summary["recommended"][0]["tested_against"] == answer["tested_against"]
