"""The `evaluate` job: test loss and perplexity of a model on a dataset.

Parts: `evaluation.json` (everything, settings stated), `rows.jsonl` ({id, tokens, nll, loss, perplexity} per
row, and its answer with each task metric where those were asked for); with several test sets
`rows_NAME.jsonl` of each further one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from services.trainer.data.datasets import Rows, read_rows
from services.trainer.evaluation.answers import WrittenAnswer, write_answers
from services.trainer.evaluation.gradients import gradient_diversity
from services.trainer.evaluation.harness import require_tasks, run_tasks
from services.trainer.evaluation.losses import evaluate
from services.trainer.evaluation.perplexity import (
    corpus_loss,
    per_response,
    perplexity,
    perplexity_gap,
    turn_losses,
)
from services.trainer.evaluation.tasks import require_metrics, scores
from services.trainer.models import loading
from services.trainer.models.building import free_memory
from services.trainer.models.resolving import ModelFiles, Place, resolve
from services.trainer.operations.preparing import Scored, prepare_evaluation, require_fit
from services.trainer.operations.progress import TrainingProgress
from services.trainer.planning.machine import this_machine
from services.trainer.planning.memory import translated_memory_errors
from services.trainer.settings import TrainerSettings
from shared.contracts.json_types import JsonObject
from shared.contracts.training.held_out import TaskMetric
from shared.contracts.training.requests import EvaluationRequest
from shared.contracts.training.results import (
    EvaluationResult,
    EvaluationSummary,
    GradientDiversity,
    HeldOutFigures,
    NamedFigures,
    RowLoss,
    TokenCounts,
)
from shared.evaluations import part_of
from shared.jobs.workspace import Workspace


def make_evaluation(
    settings: TrainerSettings, request: EvaluationRequest, workspace: Workspace
) -> EvaluationSummary:
    """Writes the evaluation's parts; returns the artifact's summary: `loss`, `perplexity`, `tokens` and the
    rest.
    """
    workspace.progress(0, note="reading rows")
    require_tasks(settings.benchmark_tasks, request.benchmarks)
    if request.answers is not None:
        require_metrics(request.answers.metrics)
    files = resolve(Place(workspace.store, workspace.folder), settings.models, request.base, request.model)
    prepared = _prepared(settings, request, files, workspace)
    with _loaded(settings, request, files, workspace) as model:
        tested = {name: _tested(request, one, model, workspace) for name, one in prepared.items()}
        tokenizer = next(iter(prepared.values())).tokenizer
        gradients = _gradients(request, next(iter(prepared.values())), model, workspace)
        benchmarks = _benchmarks(settings, request, model, tokenizer, workspace)
    (first, own), *_ = tested.items()
    result = EvaluationResult(
        **own.figures.model_dump(),
        batching=prepared[first].settings.batching,
        rendering=prepared[first].rendered.counts,
        perplexity_gap=_gap(settings, request, prepared[first].data, own.losses, workspace),
        benchmarks=benchmarks,
        tests=_named(request, tested),
        gradient_diversity=gradients,
    )
    for name, one in tested.items():
        workspace.output.put_rows(part_of(name, first=name == first), one.shown())
    whole = {**result.model_dump(mode="json"), "settings": request.settings.model_dump(mode="json")}
    workspace.output.put_json("evaluation.json", whole)
    return EvaluationSummary(
        **result.model_dump(exclude={"rendering"}),
        rendering=TokenCounts(**result.rendering.model_dump(exclude={"dropped", "windowed", "empty"})),
        base=files.base,
        base_digest=files.digest,
    )


def _prepared(
    settings: TrainerSettings, request: EvaluationRequest, files: ModelFiles, workspace: Workspace
) -> dict[str, Scored]:
    """Every test set in tokens, before a weight is loaded. Raises what is wrong with one of them."""
    machine, found = this_machine(settings), {}
    for name, test in request.held_out.items():
        data = read_rows(workspace.store, test.dataset)
        found[name] = prepare_evaluation(machine, request, data, files)
        require_fit(found[name].plan)
    return found


@dataclass(frozen=True)
class Tested:
    """What one test set came to: a loss a row and, where answers were asked for, each with its scores."""

    losses: list[RowLoss]
    answers: list[WrittenAnswer]
    scores: list[dict[TaskMetric, float]]

    @property
    def figures(self) -> HeldOutFigures:
        loss = corpus_loss(self.losses)
        names = self.scores[0] if self.scores else {}
        means = {name: math.fsum(row[name] for row in self.scores) / len(self.scores) for name in names}
        return HeldOutFigures(
            rows=len(self.losses),
            tokens=sum(row.tokens for row in self.losses),
            loss=loss,
            perplexity=perplexity(loss),
            turns=turn_losses(self.losses),
            per_response=per_response(self.losses),
            answers_cut=sum(not answer.ended for answer in self.answers) if self.scores else None,
            **means,
        )

    def shown(self) -> Iterator[JsonObject]:
        """The rows of `rows.jsonl`."""
        for place, row in enumerate(self.losses):
            told = _shown(row)
            if self.scores:
                told["answer"] = self.answers[place].text
                told |= {str(name): value for name, value in self.scores[place].items()}
            yield told


def _tested(request: EvaluationRequest, prepared: Scored, model: Any, workspace: Workspace) -> Tested:
    losses = _score(prepared, model, workspace)
    if request.answers is None:
        return Tested(losses, [], [])
    examples, asked = prepared.rendered.examples, request.answers

    def done(rows: int) -> None:
        workspace.progress(rows, len(examples), "rows", note="writing answers")

    answers = write_answers(
        model,
        prepared.tokenizer,
        examples,
        max_new_tokens=asked.max_new_tokens,
        pass_tokens=request.settings.micro_batch_tokens,
        done=done,
        check=workspace.check,
    )
    completions = prepared.data.completions()
    found = [scores(answer.text, completions[answer.row], asked.metrics) for answer in answers]
    return Tested(losses, answers, found)


def _named(request: EvaluationRequest, tested: Mapping[str, Tested]) -> dict[str, NamedFigures]:
    if request.tests is None:
        return {}
    first = next(iter(tested))
    return {
        name: NamedFigures(
            **tested[name].figures.model_dump(),
            dataset=test.dataset,
            role=test.role,
            part=part_of(name, first=name == first),
        )
        for name, test in request.tests.items()
    }


@contextmanager
def _loaded(
    settings: TrainerSettings, request: EvaluationRequest, files: ModelFiles, workspace: Workspace
) -> Iterator[Any]:
    """The model, with its adapter; the memory is free again afterwards."""
    device = settings.training_device()
    workspace.progress(0, note="loading the model")
    with translated_memory_errors():
        precision = loading.precision_of(request.settings.precision, device)
        model: Any = loading.load_base(files.folder, precision=precision, device=device)
        if files.adapter is not None:
            model = loading.load_adapter(model, files.adapter)
        try:
            yield model
        finally:
            del model
            free_memory()


def _score(prepared: Scored, model: Any, workspace: Workspace) -> list[RowLoss]:
    """Every row's loss under one model."""

    def report(progress: TrainingProgress) -> None:
        workspace.progress(progress.step, progress.steps, "rows", note="scoring", tokens=progress.tokens)

    return evaluate(
        model,
        prepared.rendered.examples,
        prepared.settings,
        pad_id=loading.pad_id(prepared.tokenizer),
        progress=report,
        check=workspace.check,
    )


def _benchmarks(
    settings: TrainerSettings,
    request: EvaluationRequest,
    model: Any,
    tokenizer: PreTrainedTokenizerBase,
    workspace: Workspace,
) -> dict[str, dict[str, float]]:
    if not request.benchmarks or settings.benchmark_tasks is None:
        return {}
    workspace.progress(0, note="benchmarks")
    return run_tasks(settings.benchmark_tasks, request.benchmarks, model, tokenizer)


def _gradients(
    request: EvaluationRequest, prepared: Scored, model: Any, workspace: Workspace
) -> GradientDiversity | None:
    if request.gradients is None:
        return None

    def report(done: int, total: int) -> None:
        workspace.progress(done, total, "rows", note="gradients")

    with translated_memory_errors():
        return gradient_diversity(
            model,
            prepared.rendered.examples,
            prepared.settings,
            request.gradients,
            pad_id=loading.pad_id(prepared.tokenizer),
            progress=report,
            check=workspace.check,
        )


def _gap(
    settings: TrainerSettings,
    request: EvaluationRequest,
    data: Rows,
    rows: list[RowLoss],
    workspace: Workspace,
) -> float | None:
    if request.compare is None:
        return None
    artifact = request.compare if request.compare.startswith("model-") else None
    files = resolve(
        Place(workspace.store, workspace.folder),
        settings.models,
        None if artifact else request.compare,
        artifact,
    )
    prepared = prepare_evaluation(this_machine(settings), request, data, files)
    require_fit(prepared.plan)
    with _loaded(settings, request, files, workspace) as model:
        return perplexity_gap(rows, _score(prepared, model, workspace))


def _shown(row: RowLoss) -> JsonObject:
    shown: JsonObject = {
        "id": row.row,
        "tokens": row.tokens,
        "nll": row.nll,
        "loss": row.loss,
        "perplexity": perplexity(row.loss),
    }
    if row.turns:
        shown["turns"] = [{"tokens": tokens, "loss": nll / tokens} for tokens, nll in row.turns if tokens]
    return shown
