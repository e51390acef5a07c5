"""The `evaluate` job: test loss and perplexity of a model on a dataset.

Parts: `evaluation.json` (everything, settings stated), `rows.jsonl` ({id, tokens, nll, loss, perplexity} per
row).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from transformers import PreTrainedTokenizerBase

from services.trainer.data.datasets import Rows, read_rows
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
from services.trainer.models import loading
from services.trainer.models.building import free_memory
from services.trainer.models.resolving import ModelFiles, Place, resolve
from services.trainer.operations.preparing import Scored, prepare_evaluation, require_fit
from services.trainer.operations.progress import TrainingProgress
from services.trainer.planning.machine import this_machine
from services.trainer.planning.memory import translated_memory_errors
from services.trainer.settings import TrainerSettings
from shared.contracts.training.requests import EvaluationRequest
from shared.contracts.training.results import (
    EvaluationResult,
    EvaluationSummary,
    GradientDiversity,
    RowLoss,
    TokenCounts,
)
from shared.jobs.workspace import Workspace


def make_evaluation(
    settings: TrainerSettings, request: EvaluationRequest, workspace: Workspace
) -> EvaluationSummary:
    """Writes the evaluation's parts; returns the artifact's summary: `loss`, `perplexity`, `tokens` and the
    rest.
    """
    workspace.progress(0, note="reading rows")
    require_tasks(settings.benchmark_tasks, request.benchmarks)
    data = read_rows(workspace.store, request.dataset)
    files = resolve(Place(workspace.store, workspace.folder), settings.models, request.base, request.model)
    prepared = prepare_evaluation(this_machine(settings), request, data, files)
    require_fit(prepared.plan)
    with _loaded(settings, request, files, workspace) as model:
        rows = _score(prepared, model, workspace)
        gradients = _gradients(request, prepared, model, workspace)
        benchmarks = _benchmarks(settings, request, model, prepared.tokenizer, workspace)
    gap = _gap(settings, request, data, rows, workspace)
    loss = corpus_loss(rows)
    result = EvaluationResult(
        rows=len(rows),
        tokens=sum(row.tokens for row in rows),
        loss=loss,
        perplexity=perplexity(loss),
        per_response=per_response(rows),
        batching=prepared.settings.batching,
        rendering=prepared.rendered.counts,
        perplexity_gap=gap,
        benchmarks=benchmarks,
        turns=turn_losses(rows),
        gradient_diversity=gradients,
    )
    workspace.output.put_rows("rows.jsonl", [_shown(row) for row in rows])
    whole = {**result.model_dump(mode="json"), "settings": request.settings.model_dump(mode="json")}
    workspace.output.put_json("evaluation.json", whole)
    return EvaluationSummary(
        **result.model_dump(exclude={"rendering"}),
        rendering=TokenCounts(**result.rendering.model_dump(exclude={"dropped", "windowed", "empty"})),
        base=files.base,
        base_digest=files.digest,
    )


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


def _shown(row: RowLoss) -> dict[str, object]:
    shown: dict[str, object] = {
        "id": row.row,
        "tokens": row.tokens,
        "nll": row.nll,
        "loss": row.loss,
        "perplexity": perplexity(row.loss),
    }
    if row.turns:
        shown["turns"] = [{"tokens": tokens, "loss": nll / tokens} for tokens, nll in row.turns if tokens]
    return shown
