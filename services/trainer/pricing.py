"""A plan for a request: its rows, tokenizer and architecture found, its job laid out, nothing run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from transformers import PretrainedConfig, PreTrainedTokenizerBase

from services.trainer import models, planning
from services.trainer.datasets import Rows, read_rows
from services.trainer.rendering import Rendered, render
from services.trainer.resolving import ModelFiles, Place, resolve
from services.trainer.settings import TrainerSettings
from shared.contracts.training import (
    EvaluationRequest,
    EvaluationSettings,
    Plan,
    TrainingRequest,
    TrainingSettings,
)
from shared.store.base import ObjectStore


def price(
    settings: TrainerSettings, store: ObjectStore, request: TrainingRequest | EvaluationRequest
) -> Plan:
    """The plan of a request whose artifacts are in this store."""
    with tempfile.TemporaryDirectory(prefix="gamut-plan-") as folder:
        place = Place(store, Path(folder), weights=False)
        data = read_rows(store, request.dataset)
        tuned = request.base_model if isinstance(request, TrainingRequest) else request.model
        files = resolve(place, settings.models, request.base, tuned)
        tokenizer = models.load_tokenizer(files.folder)
        if isinstance(request, TrainingRequest):
            return price_training(settings, request, files, data, tokenizer)
        config = planning.read_config(files.folder)
        rendered = _render(data, tokenizer, request.settings, config)
        return planning.plan(
            config,
            rendered,
            request.settings,
            device=settings.training_device(),
            memory_bytes=settings.memory_bytes,
        )


def price_training(
    settings: TrainerSettings,
    request: TrainingRequest,
    files: ModelFiles,
    data: Rows,
    tokenizer: PreTrainedTokenizerBase,
) -> Plan:
    """The plan of a training whose files and rows are at hand."""
    config = planning.read_config(files.folder, request.architecture)
    return planning.plan(
        config,
        _render(data, tokenizer, request.settings, config),
        request.settings,
        seed=request.seed,
        device=settings.training_device(),
        memory_bytes=settings.memory_bytes,
    )


def _render(
    data: Rows,
    tokenizer: PreTrainedTokenizerBase,
    settings: TrainingSettings | EvaluationSettings,
    config: PretrainedConfig,
) -> Rendered:
    limit = models.config_context_length(config)
    return render(data.rows, tokenizer, settings.rendering, context_length=limit, contexts=data.contexts)
