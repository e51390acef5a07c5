"""The `report` operation: runs read from their artifacts, told as a page, pictures and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.losses import RowLosses
from services.metrics.operations.measure import put_picture
from services.metrics.operations.propose import TRIALS
from services.metrics.operations.text_sets import embedding_request, kept_embedding
from services.metrics.operations.trials import ended_trials, read_trial
from services.metrics.reporting.answer import Question, answers
from services.metrics.reporting.drawing import report_pictures
from services.metrics.reporting.findings import mixture_found, tell
from services.metrics.reporting.held_out import held_out_verdicts, losses_of, sentences
from services.metrics.reporting.lengths import Length, length_of
from services.metrics.reporting.page import render_page
from services.metrics.reporting.plain import answer_json, headline
from services.metrics.reporting.power import is_settled
from services.metrics.reporting.runs import HeldOutRows, Run
from services.metrics.reporting.table import make_table
from shared.artifacts import Artifact
from shared.contracts.advice import ProposalRequest, ProposalSummary
from shared.contracts.datasets import DatasetKind
from shared.contracts.json_types import JsonObject
from shared.contracts.measurement import Measured, MeasurementRequest, MeasureOptions
from shared.contracts.report import ReportRequest, ReportRun, ReportSummary
from shared.contracts.training.held_out import SHORT_FORM, TASK_METRICS
from shared.contracts.training.results import EvaluationSummary, TrainingSummary
from shared.contracts.training.settings import TrainingSettings
from shared.datasets import ROWS, Row, dataset_kind
from shared.evaluations import tested_rows
from shared.jobs.workspace import Workspace

CURVE = "loss_curve.json"


def make_report(request: ReportRequest, workspace: Workspace) -> ReportSummary:
    """`report.html` (stands alone), pictures with their data, `table.csv`, `report.json`."""
    runs = []
    for number, run in enumerate(request.runs):
        workspace.progress(number, len(request.runs), "runs", note=f"reading {run.name}")
        runs.append(_read(run, workspace))
    question = Question(
        request.x,
        request.y,
        request.baseline,
        request.untuned,
        request.replicates,
        tuple(request.within),
        request.matters,
    )
    table = make_table(runs, request.columns, request.baseline, request.y)
    found = answers(runs, question)
    trials = _trials(request, workspace)
    said = tell(found, question)
    held_out = held_out_verdicts(runs, question, request.tests)
    if trials:
        said.recommendation.insert(1, mixture_found(_searched(request, workspace), trials))
    findings = [*said.all, *sentences(held_out)]
    pictures = report_pictures(
        runs,
        found,
        question,
        request.series,
        embedded=lambda run: _embedded(run, workspace),
        projection=request.map,
    )
    for picture in pictures:
        workspace.check()
        put_picture(workspace.output, picture)
    page = render_page(
        title=request.title,
        question=question,
        answers=found,
        said=said,
        held_out=held_out,
        table=table,
        pictures=pictures,
        runs=runs,
        trials=trials,
        notes=request.notes,
        recipe=request.recipe,
    )
    workspace.output.put("report.html", page.encode(), "text/html")
    workspace.output.put("table.csv", table.csv().encode(), "text/csv")
    if request.recipe is not None:
        workspace.output.put_json("recipe.json", request.recipe)
    workspace.output.put_json(
        "report.json",
        {
            "title": request.title,
            "findings": findings,
            "tests": [verdict.model_dump(mode="json") for verdict in held_out],
            "answers": [answer_json(answer) for answer in found],
            "columns": list(table.columns),
            "table": table.json(),
            "pictures": [{"name": p.name, "title": p.title, "alt": p.alt} for p in pictures],
            "runs": [
                {"name": run.name, "axes": dict(run.axes), "artifacts": dict(run.artifacts)} for run in runs
            ],
            "trials": trials,
            "notes": request.notes,
            "recipe": request.recipe,
        },
    )
    return ReportSummary(
        runs=len(runs),
        findings=findings,
        tests=held_out,
        recommended=[headline(answer) for answer in found],
        decided=int(bool(found) and all(is_settled(answer.certainty) for answer in found)),
        pictures=[picture.name for picture in pictures],
    )


def _read(run: ReportRun, workspace: Workspace) -> Run:
    roles = {
        "dataset": run.dataset,
        "measurement": run.measurement,
        "model": run.model,
        "evaluation": run.evaluation,
    }
    found: Mapping[str, Artifact] = {
        role: workspace.input(name) for role, name in roles.items() if name is not None
    }
    measurement = found.get("measurement")
    return Run(
        name=run.name,
        axes=run.axes,
        artifacts={role: artifact.id for role, artifact in found.items()} | run.instruments,
        dataset=found["dataset"].summary if "dataset" in found else {},
        evaluation=found["evaluation"].summary if "evaluation" in found else {},
        measured=Measured.model_validate(measurement.json("measurement.json")) if measurement else None,
        losses=_losses(found.get("evaluation"), workspace),
        instruments={name: workspace.input(artifact).summary for name, artifact in run.instruments.items()},
        label=run.label,
        stopped=run.stopped,
        design=run.design,
        pool=run.pool,
        length=_length(found.get("model")),
        held_out=_with_rubrics(_held_out(found.get("evaluation"), workspace), run, workspace),
    )


def _embedded(run: Run, workspace: Workspace) -> NDArray[np.floating] | None:
    """What the run's measurement embedded, float rows × dimensions; None where it embedded nothing."""
    made_by = workspace.input(run.artifacts["measurement"]).manifest
    if made_by.operation != MeasurementRequest.operation:
        return None
    options = MeasureOptions.model_validate(made_by.request, extra="ignore")
    kept = kept_embedding(embedding_request(made_by.inputs["dataset"], options), workspace)
    return None if kept is None else kept.vectors


def _trials(request: ReportRequest, workspace: Workspace) -> list[JsonObject]:
    """What a search tried, each with what became of it."""
    if request.trials:
        told: list[JsonObject] = workspace.input(request.trials).json(TRIALS)
        return told
    read = [read_trial(entry, request.y, workspace) for entry in request.tried]
    return [trial.model_dump(mode="json") for trial in ended_trials(read)]


def _searched(request: ReportRequest, workspace: Workspace) -> ProposalSummary | None:
    """The mixture that a search ended with; None where it came to no end."""
    named = [request.trials, *(run.dataset for run in request.runs)]
    for artifact in (workspace.input(name) for name in named if name is not None):
        if artifact.manifest.operation == ProposalRequest.operation:
            return artifact.summary_as(ProposalSummary)
    return None


def _length(model: Artifact | None) -> Length | None:
    """None for a model of which no curve was kept."""
    if model is None or not model.has(CURVE):
        return None
    settings = TrainingSettings.model_validate(model.manifest.request["settings"], extra="ignore")
    return length_of(model.summary_as(TrainingSummary), settings, model.json(CURVE))


def _losses(evaluation: Artifact | None, workspace: Workspace) -> RowLosses | None:
    """Each test row's loss, where the evaluation kept them; questions about one context are one group."""
    if evaluation is None or not evaluation.has(ROWS):
        return None
    rows = [row for row in evaluation.rows() if row.get("tokens")]
    return _by_row(rows, tested_rows(evaluation.manifest)[ROWS], workspace) if rows else None


def _by_row(rows: Sequence[Row], dataset: str, workspace: Workspace) -> RowLosses:
    ids = tuple(str(row["id"]) for row in rows)
    return RowLosses(
        ids=ids,
        groups=_groups(ids, dataset, workspace),
        nll=np.asarray([row["nll"] for row in rows], np.float64),
        tokens=np.asarray([row["tokens"] for row in rows], np.float64),
    )


def _groups(ids: tuple[str, ...], dataset: str, workspace: Workspace) -> tuple[str, ...] | None:
    context_of = _contexts(workspace.input(dataset))
    return tuple(context_of.get(name, name) for name in ids) if context_of else None


def _held_out(evaluation: Artifact | None, workspace: Workspace) -> dict[str, HeldOutRows]:
    """Each test set's rows; of an evaluation on one set only where it has task metrics, as its loss is read
    as it always was."""
    if evaluation is None or evaluation.summary.get("tests") is None:
        return {}
    told = evaluation.summary_as(EvaluationSummary)
    if not told.tests and not any(getattr(told, metric) is not None for metric in TASK_METRICS):
        return {}
    if not told.tests:
        dataset = tested_rows(evaluation.manifest)[ROWS]
        figures = _figures(evaluation, ROWS, dataset, workspace)
        return {SHORT_FORM: HeldOutRows("improve", figures, dataset)}
    return {
        name: HeldOutRows(test.role, _figures(evaluation, test.part, test.dataset, workspace), test.dataset)
        for name, test in told.tests.items()
    }


def _with_rubrics(
    held: dict[str, HeldOutRows], run: ReportRun, workspace: Workspace
) -> dict[str, HeldOutRows]:
    """The same with the ratings that a judge gave the evaluation's answers by a rubric."""
    for instrument in map(workspace.input, run.instruments.values()):
        inputs = instrument.manifest.inputs
        if instrument.manifest.operation != "judge" or inputs.get("answers") != run.evaluation:
            continue
        rated = [row for row in instrument.rows("ratings.jsonl") if row.get("rubric") is not None]
        ids = tuple(str(row["row"]) for row in rated)
        values = [float(row["rubric"]) for row in rated]
        for name, test in held.items():
            if rated and test.dataset == inputs["dataset"]:
                groups = _groups(ids, test.dataset, workspace)
                figures = {**test.figures, "rubric": losses_of(ids, values, groups)}
                held = held | {name: replace(test, figures=figures)}
    return held


def _figures(evaluation: Artifact, part: str, dataset: str, workspace: Workspace) -> dict[str, RowLosses]:
    rows = [row for row in evaluation.rows(part) if row.get("tokens")]
    found = {"loss": _by_row(rows, dataset, workspace)}
    for metric in TASK_METRICS:
        if rows and all(metric in row for row in rows):
            values = [float(row[metric]) for row in rows]
            found[metric] = losses_of(found["loss"].ids, values, found["loss"].groups)
    return found


def _contexts(test: Artifact) -> dict[str, str]:
    """Row → context of a test set of questions about contexts; empty for other kinds."""
    if dataset_kind(test.manifest) is not DatasetKind.QA:
        return {}
    return {str(row.get("id", number)): str(row["context_id"]) for number, row in enumerate(test.rows())}
