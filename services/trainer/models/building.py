"""The model that a request trains, and what is left of it when it is trained."""

from __future__ import annotations

import copy
import gc
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from services.trainer.errors import UnsuitableModel
from services.trainer.loop.training import Trained
from services.trainer.models import loading
from services.trainer.models.cards import card
from services.trainer.models.resolving import ModelFiles
from shared.contracts.training.requests import TrainingRequest


@dataclass(frozen=True)
class Finished:
    """A trained model as the files of one folder."""

    folder: Path
    trained: Trained
    parameters: int
    trainable_parameters: int


def build_model(request: TrainingRequest, files: ModelFiles, device: str) -> PreTrainedModel | PeftModel:
    """A fresh model, a whole one, or one with a new adapter or the adapter it came with."""
    settings = request.settings
    master = torch.float32 if settings.method != "lora" else loading.precision_of(settings.precision, device)
    make = partial(_fresh if settings.method == "pretrain" else _loaded, request, files)
    base = make(precision=master, dropout=settings.model_dropout, device=device)
    if settings.method != "lora":
        if files.adapter is not None:
            raise UnsuitableModel(f"{request.base_model} is an adapter: train it further with method 'lora'.")
        return base
    if files.adapter is not None:
        return loading.load_adapter(base, files.adapter, trainable=settings.lora)
    return loading.add_lora(base, settings.lora, seed=request.seed)


def _fresh(request: TrainingRequest, files: ModelFiles, **how: Any) -> PreTrainedModel:
    assert request.architecture is not None
    return loading.fresh_model(request.architecture, seed=request.seed, **how)


def _loaded(request: TrainingRequest, files: ModelFiles, **how: Any) -> PreTrainedModel:
    return loading.load_base(files.folder, **how)


def finish(
    model: PreTrainedModel | PeftModel,
    trained: Trained,
    request: TrainingRequest,
    files: ModelFiles,
    tokenizer: PreTrainedTokenizerBase,
    folder: Path,
) -> Finished:
    """Writes the model's files: weights, the tokenizer with the template it was trained with, and a card."""
    template = request.settings.rendering.template
    if template is not None:
        tokenizer = copy.copy(tokenizer)
        tokenizer.chat_template = template
    loading.save(model, folder, base_name=files.loaded_by, revision=files.revision, tokenizer=tokenizer)
    (folder / "README.md").write_text(card(request, files, trained))
    return Finished(folder, trained, *loading.parameter_counts(model))


def free_memory() -> None:
    """Gives a finished model's memory back before the next job."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
