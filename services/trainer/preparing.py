"""Everything a training needs to know before a weight is loaded: rows, files, tokens, overlap, price."""

from __future__ import annotations

from dataclasses import dataclass

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from services.trainer import models, planning
from services.trainer.contamination import check_contamination
from services.trainer.datasets import Rows, read_rows
from services.trainer.errors import OutOfMemory
from services.trainer.rendering import Rendered, render
from services.trainer.resolving import ModelFiles, Place, resolve
from services.trainer.settings import TrainerSettings
from shared.contracts.training import (
    ContaminationResult,
    EvaluationRequest,
    Plan,
    RenderingSettings,
    TrainingRequest,
)


@dataclass(frozen=True)
class Prepared:
    """A training whose rows are tokens, and what it would take."""

    request: TrainingRequest
    files: ModelFiles
    tokenizer: PreTrainedTokenizerBase
    rendered: Rendered
    validation: Rendered | None
    overlap: ContaminationResult | None
    plan: Plan


def prepare(
    settings: TrainerSettings, request: TrainingRequest, place: Place, files: ModelFiles | None = None
) -> Prepared:
    """Raises what is wrong with the request's data or base.

    `files` are the base's when they are known already.
    """
    data = read_rows(place.store, request.dataset)
    kept = read_rows(place.store, request.validation) if request.validation else None
    overlap = None
    if request.test is not None:
        test = read_rows(place.store, request.test)
        overlap = check_contamination(data.rows, test.rows, request.contamination)
        if kept is not None:  # what stops a training must not be the test set by another name
            check_contamination(kept.rows, test.rows, request.contamination, of="validation")
    files = files or resolve(place, settings.models, request.base, request.base_model)
    tokenizer = models.load_tokenizer(files.folder)
    config = planning.read_config(files.folder, request.architecture)

    def rendered(found: Rows) -> Rendered:
        return _rendered(found, tokenizer, request.settings.rendering, config)

    own = rendered(data)
    validation = rendered(kept) if kept is not None else None
    plan = planning.plan(
        config,
        own,
        request.settings,
        seed=request.seed,
        device=settings.training_device(),
        memory_bytes=settings.memory_bytes,
    )
    return Prepared(request, files, tokenizer, own, validation, overlap, plan)


@dataclass(frozen=True)
class Scored:
    """An evaluation whose rows are tokens, and what it would take."""

    tokenizer: PreTrainedTokenizerBase
    rendered: Rendered
    plan: Plan


def prepare_evaluation(
    settings: TrainerSettings, request: EvaluationRequest, data: Rows, files: ModelFiles
) -> Scored:
    """For the model of these files. Raises what is wrong with the request's data or model."""
    tokenizer, config = models.load_tokenizer(files.folder), planning.read_config(files.folder)
    rendered = _rendered(data, tokenizer, request.settings.rendering, config)
    plan = planning.plan(
        config,
        rendered,
        request.settings,
        device=settings.training_device(),
        memory_bytes=settings.memory_bytes,
    )
    return Scored(tokenizer, rendered, plan)


def _rendered(
    data: Rows, tokenizer: PreTrainedTokenizerBase, wanted: RenderingSettings, config: PretrainedConfig
) -> Rendered:
    limit, known = models.config_context_length(config), models.vocabulary(config)
    return render(
        data.rows, tokenizer, wanted, context_length=limit, contexts=data.contexts, vocabulary=known
    )


def require_fit(plan: Plan) -> None:
    """Raises OutOfMemory, with a plan that fits, before anything is computed."""
    if not plan.fits:
        raise OutOfMemory(" ".join(plan.advice))
