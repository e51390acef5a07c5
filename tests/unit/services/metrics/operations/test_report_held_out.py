"""A report over evaluations on several test sets, with task metrics and a rubric, read from artifacts."""

from __future__ import annotations

from typing import Any

import numpy as np

from services.metrics.operations.report import make_report
from shared.contracts.base import ArtifactId, ArtifactSummary
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.sources import SourceRef
from shared.contracts.instruments import JudgeRequest
from shared.contracts.report import ReportRequest, ReportRun
from shared.contracts.training.requests import EvaluationRequest
from shared.contracts.training.results import EvaluationSummary
from tests.summaries import summary_of

ROWS = 300
GENERAL_PART = "rows_general.jsonl"
FIGURES = {
    "rows": ROWS,
    "tokens": 10 * ROWS,
    "loss": 3.0,
    "perplexity": 20.0,
    "per_response": {"trimmed_mean": 1.0, "median": 1.0, "raw_mean": 1.0, "outliers": 0},
}


def put_rows(workspace: Any, part: str, seed: int, shift: float, f1: float) -> None:
    hard = np.random.default_rng(seed).normal(size=ROWS)
    rows = [
        {"id": str(n), "tokens": 10, "nll": 10 * (3 + shift + value), "f1": f1 + 0.01 * float(np.tanh(value))}
        for n, value in enumerate(hard)
    ]
    workspace.output.put_rows(part, rows)


def evaluation(bench: Any, base: str, own: ArtifactId, general: ArtifactId, shift: float, lost: float) -> str:
    """Of a model `base`: better by `shift` on its own set, worse by `lost` on the general one."""
    tests = {"general": {"dataset": general, "role": "keep"}, "own": {"dataset": own}}
    request = EvaluationRequest.model_validate({"base": base, "tests": tests, "answers": {"metrics": ["f1"]}})

    def handler(_: EvaluationRequest, workspace: Any) -> EvaluationSummary:
        put_rows(workspace, "rows.jsonl", 1, -shift, 0.5 + shift)
        put_rows(workspace, GENERAL_PART, 2, lost, 0.5)
        named = {
            "own": {**FIGURES, "f1": 0.5, "dataset": own, "role": "improve", "part": "rows.jsonl"},
            "general": {
                **FIGURES,
                "f1": 0.5,
                "dataset": general,
                "role": "keep",
                "part": "rows_general.jsonl",
            },
        }
        counts = {"rows": ROWS, "tokens": 1, "predicted_tokens": 1, "longest": 1}
        told = {"batching": "packed", "rendering": counts, "base": base, "base_digest": "0", "tests": named}
        return EvaluationSummary.model_validate({**FIGURES, "f1": 0.5, **told})

    return str(bench.run(handler, request).id)


def judgement(bench: Any, dataset: str, answers: str, score: int) -> str:
    source = SourceRef(name="judge", model="judge", revision="1")

    def handler(asked: JudgeRequest, workspace: Any) -> ArtifactSummary:
        rows = [{"row": str(n), "rubric": None if n == score else score - (n % 2)} for n in range(ROWS)]
        workspace.output.put_rows("ratings.jsonl", rows)
        return summary_of(asked, rows=ROWS)

    request = JudgeRequest(dataset=dataset, source=source, answers=answers, rubric="1: bad. 5: good.")
    return str(bench.run(handler, request).id)


def test_each_test_set_and_figure_has_its_verdict(bench: Any) -> None:
    rows = [{"id": str(n), "context": f"Prompt {n}.", "completion": f"Answer {n}."} for n in range(ROWS)]
    own = bench.dataset(rows, DatasetKind.COMPLETION)
    general = bench.dataset([{**row, "context": "Other."} for row in rows], DatasetKind.COMPLETION)
    real = evaluation(bench, "real", own, general, 0.0, 0.0)
    added = evaluation(bench, "added", own, general, 0.2, 0.01)
    narrow = evaluation(bench, "narrow", own, general, 0.2, 0.3)
    runs = [
        ReportRun(name=name, evaluation=made, instruments={"judged": judgement(bench, own, made, score)})
        for name, made, score in (("real", real, 3), ("added", added, 4), ("narrow", narrow, 3))
    ]
    request = ReportRequest(runs=runs, tests={"general": {"margin": 0.05}})
    report = bench.run(make_report, request)
    found = {(v["test"], v["figure"], v["name"]): v["verdict"] for v in report.summary["tests"]}
    assert found["own", "loss", "added"] == found["own", "f1", "added"] == "better"
    assert found["general", "loss", "added"] == "kept"
    assert found["general", "loss", "narrow"] == "lost"
    assert found["own", "rubric", "added"] == "better"
    assert found["own", "rubric", "narrow"] == "undecided"
    assert ("general", "rubric", "added") not in found
    assert report.json("report.json")["tests"] == report.summary["tests"]
    assert any("general" in sentence and "lost" in sentence for sentence in report.summary["findings"])
    assert "<h2>Test sets</h2>" in report.read("report.html").decode()


def test_the_rule_of_a_test_set_is_part_of_the_report() -> None:
    one = ReportRequest(runs=[ReportRun(name="real")])
    assert "tests" not in one.canonical()
    assert ReportRequest.model_validate(one.canonical()) == one
