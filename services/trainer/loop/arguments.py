"""Our settings in the words of transformers' Trainer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import TrainingArguments
from transformers.integrations.integration_utils import is_kubeflow_available

from services.trainer.models import loading
from shared.contracts.training.settings import TrainingSettings

# Our settings' words for the Trainer's schedules.
SCHEDULES = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}

# Its name until transformers 5.17 or later, whose successor warns of it.
_OLD, _NEW = "gradient_checkpointing", "activation_checkpointing"
CHECKPOINTING = _NEW if _NEW in TrainingArguments.__dataclass_fields__ else _OLD


def arguments(settings: TrainingSettings, folder: Path, model: nn.Module, seed: int) -> TrainingArguments:
    """Our settings in the Trainer's words; `folder` holds its checkpoints."""
    checkpointing: dict[str, Any] = {CHECKPOINTING: settings.gradient_checkpointing}
    device = next(model.parameters()).device
    mixed = settings.method != "lora" and settings.precision != "fp32"
    made = TrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=1,
        num_train_epochs=1,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
        lr_scheduler_type=SCHEDULES[settings.schedule],
        warmup_steps=settings.warmup_ratio,
        max_grad_norm=settings.max_grad_norm,
        bf16=mixed and loading.precision_of(settings.precision, str(device)) == torch.bfloat16,
        **checkpointing,
        use_cpu=device.type == "cpu",
        seed=seed,
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,  # `StepTrainer` ends at such a loss; looking again waits for the device
        save_total_limit=1,
        # In a TrainJob of a cluster that asks for it, the TrainJob itself shows how far the training is.
        report_to="kubeflow" if is_kubeflow_available() else "none",  # type: ignore[no-untyped-call]
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        # Every parameter is used in every pass. Looking for unused ones would miss those of the head, which
        # runs outside the wrapped forward pass (`loss.without_head`), and reduce them twice.
        ddp_find_unused_parameters=False,
        data_seed=seed,
    )
    use_one_device(made)
    return made


def use_one_device(made: TrainingArguments) -> None:
    """A process trains on one GPU, however many it sees: the Trainer would split a step by DataParallel."""
    made._n_gpu = min(made.n_gpu, 1)
