"""The peer: transformers' Trainer on a peft model, padded batches, the rows in our order."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import SequentialSampler
from transformers import (
    DataCollatorWithFlattening,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from services.trainer.batching.steps import OptimiserStep
from services.trainer.data.examples import Example
from services.trainer.loop.arguments import SCHEDULES
from shared.contracts.training.settings import TrainingSettings

Collate = Callable[[Sequence[Example]], dict[str, torch.Tensor]]


def padded(rows: Sequence[Example]) -> dict[str, torch.Tensor]:
    """What a completion-only collator gives: padding masked, the loss on the completion."""
    length = max(map(len, rows))
    ids = [[*row.ids, *[0] * (length - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (length - len(row)) for row in rows]
    labels = [[-100] * len(row.prompt) + list(row.completion) + [-100] * (length - len(row)) for row in rows]
    return {
        "input_ids": torch.tensor(ids),
        "attention_mask": torch.tensor(mask),
        "labels": torch.tensor(labels),
    }


def padding_free(rows: Sequence[Example]) -> dict[str, torch.Tensor]:
    """transformers' own packing, which TRL's is made of: rows one after the other, positions that restart,
    and the attention that the model makes of them (without flash-attn a mask for torch's own).
    """
    labels = [[-100] * len(row.prompt) + list(row.completion) for row in rows]
    made = [{"input_ids": list(row.ids), "labels": of} for row, of in zip(rows, labels, strict=True)]
    found: dict[str, torch.Tensor] = DataCollatorWithFlattening()(made, return_tensors="pt")
    return found


def positions(rows: Sequence[Example], collate: Collate) -> int:
    """What the model computes of these rows."""
    return int(collate(rows)["input_ids"].numel())


class InOrder(Trainer):
    """The rows come as they lie."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)  # type: ignore[arg-type]


class Losses(TrainerCallback):
    """Keeps every step's loss."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "grad_norm" in logs:
            self.values.append(float(logs["loss"]))


def _arguments(folder: str, settings: TrainingSettings | None, batch: int, device: str) -> TrainingArguments:
    asked = settings or TrainingSettings()
    return TrainingArguments(
        output_dir=folder,
        per_device_train_batch_size=batch,
        per_device_eval_batch_size=batch,
        gradient_accumulation_steps=max(1, asked.rows_per_step // batch),
        num_train_epochs=1,
        learning_rate=asked.learning_rate,
        weight_decay=asked.weight_decay,
        max_grad_norm=asked.max_grad_norm,
        lr_scheduler_type=SCHEDULES[asked.schedule],
        warmup_steps=asked.warmup_ratio,
        logging_steps=1,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        use_cpu=not device.startswith("cuda"),
        dataloader_pin_memory=False,
        label_names=["labels"],
    )


def trainer(
    model: Any,
    rows: Sequence[Example],
    settings: TrainingSettings,
    batch: int,
    device: str,
    collate: Collate = padded,
) -> Any:
    """A Trainer of these rows, and what keeps its losses."""
    losses = Losses()
    folder = tempfile.mkdtemp(prefix="gamut-bench-")
    made = InOrder(model, _arguments(folder, settings, batch, device), collate, rows, callbacks=[losses])
    made.remove_callback(PrinterCallback)
    return made, losses


def train(
    model: Any,
    examples: Sequence[Example],
    settings: TrainingSettings,
    steps: Sequence[OptimiserStep],
    batch: int,
    device: str,
) -> list[float]:
    """Losses of every step; `batch` rows a forward pass, accumulated to `rows_per_step`."""
    rows = [examples[index] for step in steps for index in step.rows]
    made, losses = trainer(model, rows, settings, batch, device)
    made.train()
    return losses.values


def evaluate(model: Any, examples: Sequence[Example], batch: int, device: str) -> float:
    """The Trainer's `eval_loss`: the mean over rows of the mean loss of each row's batch."""
    folder = tempfile.mkdtemp(prefix="gamut-bench-")
    made = Trainer(model, _arguments(folder, None, batch, device), padded, eval_dataset=list(examples))  # type: ignore[arg-type]
    made.remove_callback(PrinterCallback)
    made.args.prediction_loss_only = True
    return float(made.evaluate()["eval_loss"])
