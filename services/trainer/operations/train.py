"""The `train` job: from a dataset to a model artifact.

Parts: the model's own files (`adapter_config.json`, with the base's real name, and
`adapter_model.safetensors` for LoRA; a whole transformers folder else), its tokenizer and a card, which
`AutoPeftModelForCausalLM` loads as one folder; `loss_curve.{json,csv,png}`, `training.json`.
"""

from __future__ import annotations

import math
from pathlib import Path

from services.trainer.bundles.operation import train_bundled
from services.trainer.bundles.waiting import WaitingTrainings
from services.trainer.distributed.kubeflow import TrainJobs
from services.trainer.distributed.remote import Processes, Torchrun, train_elsewhere
from services.trainer.loop.checkpoints import StoredCheckpoints
from services.trainer.loop.training import Trained
from services.trainer.models.building import Finished, finish, free_memory
from services.trainer.models.resolving import Place
from services.trainer.operations.computing import compute
from services.trainer.operations.curves import curve_csv, curve_png
from services.trainer.operations.preparing import Prepared, prepare, require_fit
from services.trainer.operations.telling import teller
from services.trainer.settings import TrainerSettings
from shared.contracts.training.requests import TrainingRequest
from shared.contracts.training.results import OverlapCounts, TokenCounts, TrainingResult, TrainingSummary
from shared.jobs.workspace import Workspace

MEDIA_TYPES = {".json": "application/json", ".md": "text/markdown", ".jinja": "text/plain"}


def make_training(
    settings: TrainerSettings,
    request: TrainingRequest,
    workspace: Workspace,
    waiting: WaitingTrainings | None = None,
) -> TrainingSummary:
    """Writes the model's parts; returns the artifact's summary.

    `waiting` are the trainings in the queue that may be computed with this one (`bundles.operation`).
    """
    workspace.progress(0, note="reading rows")
    prepared = prepare(settings, request, Place(workspace.store, workspace.folder))
    files, overlap = prepared.files, prepared.overlap
    if overlap is not None:
        workspace.output.put_json("contamination.json", overlap.model_dump(mode="json"))
    finished = _trained(settings, prepared, workspace, waiting)
    free_memory()
    names = _put_files(finished.folder, workspace)
    result = _result(finished, prepared)
    _put_results(finished.trained, result, workspace)
    return TrainingSummary(
        **result.model_dump(exclude={"rendering", "load_on"}),
        rendering=TokenCounts(**result.rendering.model_dump(exclude={"dropped", "windowed", "empty"})),
        method=request.settings.method,
        base=files.base if request.base_model is None else None,
        base_digest=files.digest,
        files=names,
        contamination=None if overlap is None else OverlapCounts(**overlap.model_dump(exclude={"pairs"})),
    )


def _trained(
    settings: TrainerSettings, prepared: Prepared, workspace: Workspace, waiting: WaitingTrainings | None
) -> Finished:
    """In other processes, in a bundle, or alone: the result is the same."""
    processes = processes_of(settings)
    if processes is not None:
        return train_elsewhere(processes, prepared, workspace)  # where each sees whether it fits
    require_fit(prepared.plan)
    bundled = train_bundled(settings, prepared, workspace, waiting)
    if bundled is not None:
        return finish(
            *bundled, prepared.request, prepared.files, prepared.tokenizer, workspace.folder / "model"
        )
    workspace.progress(0, note="loading the base model")
    return compute(
        settings,
        prepared,
        StoredCheckpoints(workspace.scratch, workspace.token, workspace.folder),
        artifact=workspace.artifact_id,
        device=settings.training_device(),
        progress=teller(workspace),
        check=workspace.check,
    )


def processes_of(settings: TrainerSettings) -> Processes | None:
    """What computes a training on more than one device; None: this process does."""
    if settings.train_job_template is not None:
        return TrainJobs(settings)
    return Torchrun(settings) if settings.processes > 1 else None


def _put_files(folder: Path, workspace: Workspace) -> list[str]:
    files = sorted(path for path in folder.iterdir() if path.is_file())
    for path in files:
        with workspace.output.part(path.name, _media_type(path)) as part:
            part.write(path.read_bytes())
    return [path.name for path in files]


def _media_type(path: Path) -> str:
    return MEDIA_TYPES.get(path.suffix, "application/octet-stream")


def _result(finished: Finished, prepared: Prepared) -> TrainingResult:
    trained = finished.trained
    return TrainingResult(
        steps=trained.steps,
        planned_steps=trained.planned_steps,
        stopped_early=trained.stopped_early,
        best_step=trained.best_step,
        final_loss=trained.curve[-1].loss,
        tokens=trained.tokens,
        computed_tokens=trained.computed_tokens,
        parameters=finished.parameters,
        trainable_parameters=finished.trainable_parameters,
        seconds=trained.seconds,
        batching=prepared.request.settings.batching,
        effective_rows=_effective_rows(prepared),
        rendering=prepared.rendered.counts,
        load_on=_load_on(prepared),
    )


def _load_on(prepared: Prepared) -> str:
    """What an adapter is put on elsewhere, in words."""
    files = prepared.files
    if files.hub:
        return f"{files.hub} at revision {files.revision}"
    return f"the base that this trainer calls {files.base}; its config and weights: {files.digest}"


def _effective_rows(prepared: Prepared) -> float | None:
    """None where all rows count alike."""
    if prepared.request.settings.loss_weights is None:
        return None
    weights = [example.weight for example in prepared.rendered.examples]
    return math.fsum(weights) ** 2 / math.fsum(weight**2 for weight in weights)


def _put_results(trained: Trained, result: TrainingResult, workspace: Workspace) -> None:
    output = workspace.output
    output.put_json("loss_curve.json", [point.model_dump() for point in trained.curve])
    output.put("loss_curve.csv", curve_csv(trained.curve), "text/csv")
    output.put("loss_curve.png", curve_png(trained.curve), "image/png")
    # The same training has the same parts: how long it took is in the summary alone.
    output.put_json("training.json", result.model_dump(mode="json", exclude={"seconds"}))
