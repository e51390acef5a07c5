"""The training loop: transformers' Trainer, with our steps in place of its batches.

Everything around the forward pass stays the Trainer's: AdamW, schedule, clipping, mixed precision, gradient
checkpointing, distributed wrapping (accelerate, torchrun), checkpoints with optimiser, scheduler and random
states, and skipping to the data position on resume. Replaced is what its fixed-size padded batches cannot
express: a step is a list of forward passes of any layout (`steps`, `batches`), its loss is the mean over the
predicted tokens of the *whole* step (the Trainer's own `num_items_in_batch` normalisation), each counting its
row's weight: Σ w·nll / Σ w, and a loss that is not finite stops the run with its rows.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Trainer
from transformers.trainer_callback import PrinterCallback

from services.trainer.batching import batches, layouts
from services.trainer.batching.steps import (
    Indices,
    OptimiserStep,
    plan_steps,
    split,
    validation_steps,
)
from services.trainer.data.examples import Example
from services.trainer.errors import NonFiniteLoss, UnsuitableModel
from services.trainer.evaluation.losses import mean_loss
from services.trainer.loop.ahead import Ahead
from services.trainer.loop.arguments import arguments
from services.trainer.loop.callbacks import Checkpointing, EarlyStopper, Watcher
from services.trainer.loop.compiling import compiled_layers
from services.trainer.loop.loss import kernel_of, summed_loss
from services.trainer.operations.progress import Surroundings, require_own
from services.trainer.planning.memory import memory_advice, translated_memory_errors
from shared.contracts.training.results import CurvePoint
from shared.contracts.training.settings import TrainingSettings
from shared.folders import own_folder


@dataclass(frozen=True)
class Trained:
    """A finished training: the model holds the final weights (the best ones, with early stopping)."""

    curve: tuple[CurvePoint, ...]
    steps: int
    planned_steps: int
    stopped_early: bool
    best_step: int | None
    tokens: int
    computed_tokens: int
    seconds: float


def train(
    model: nn.Module,
    examples: Sequence[Example],
    settings: TrainingSettings,
    *,
    seed: int = 0,
    validation: Sequence[Example] = (),
    surroundings: Surroundings | None = None,
    pad_id: int = 0,
    steps: Sequence[OptimiserStep] | None = None,
) -> Trained:
    """Trains the model's trainable parameters in place.

    `steps` replaces the planned order. `seed` decides the order and the dropout. Raises NonFiniteLoss,
    OutOfMemory, ForeignCheckpoint.
    """
    if settings.early_stopping is not None and not validation:
        raise UnsuitableModel("Early stopping needs validation rows: it is never done on the test set.")
    around = surroundings or Surroundings()
    plan = list(steps) if steps is not None else plan_steps(examples, settings, seed)
    with own_folder() as folder:
        trainer = StepTrainer(
            model,
            examples,
            plan,
            settings,
            around,
            Path(folder),
            seed=seed,
            pad_id=pad_id,
            validation=validation,
        )
        advice = memory_advice(plan, examples, settings)
        compiles = around.compile_from is not None and len(plan) >= around.compile_from
        layers = compiled_layers(model) if compiles else contextlib.nullcontext()
        with (
            layouts.laid_out(model, settings.batching),
            translated_memory_errors(advice),
            trainer.ahead,
            layers,
        ):
            return trainer.run()


class StepTrainer(Trainer):
    """A Trainer whose batches are whole optimiser steps."""

    def __init__(
        self,
        model: nn.Module,
        examples: Sequence[Example],
        plan: Sequence[OptimiserStep],
        settings: TrainingSettings,
        around: Surroundings,
        folder: Path,
        *,
        seed: int,
        pad_id: int,
        validation: Sequence[Example] = (),
    ) -> None:
        self.examples, self.settings, self.around, self.pad_id = examples, settings, around, pad_id
        self.validation = validation
        self.plan = plan
        self.watcher = Watcher(around, len(plan))
        self.ahead = Ahead(self.made, len(plan))
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        super().__init__(
            model=model,
            args=arguments(settings, folder, model, seed),
            train_dataset=range(len(plan)),  # the steps' numbers: `made` does the rest
            data_collator=_only,  # type: ignore[arg-type]
        )
        self.remove_callback(PrinterCallback)
        stopping = settings.early_stopping
        checks = frozenset() if stopping is None else validation_steps(plan, stopping.every_steps)
        self.stopper = EarlyStopper(stopping, self._validation_loss, self.watcher, checks)
        for callback in (
            self.watcher,
            self.stopper,
            Checkpointing(around, settings.checkpoint_seconds, self.watcher, self.stopper),
        ):
            self.add_callback(callback)

    def run(self) -> Trained:
        """Trains from the latest checkpoint, or from the start."""
        started = time.monotonic()
        checkpoint = self.around.latest_checkpoint()
        if checkpoint is not None:
            require_own(checkpoint, self.around.fingerprint)
            self.watcher.restore(checkpoint)
            self.stopper.restore(checkpoint)
        self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        assert isinstance(self.model, nn.Module)
        self.stopper.use_best(self.model)
        return Trained(
            curve=tuple(self.watcher.curve),
            steps=self.state.global_step,
            planned_steps=len(self.plan),
            stopped_early=self.stopper.stopped,
            best_step=self.stopper.best_step,
            tokens=self.watcher.tokens,
            computed_tokens=self.watcher.computed_tokens,
            seconds=time.monotonic() - started,
        )

    def training_step(self, model: nn.Module, inputs: Any, num_items_in_batch: Any = None) -> Tensor:
        """Gradients of one whole step; returns its loss (token-weighted mean, nats)."""
        model.train()  # whatever the wrapper says of itself: the base inside may still be as it was evaluated
        seed_step(self.args.seed, self.state.global_step, self.args.process_index)
        step = self.ahead.take(inputs)
        losses = []
        for number, batch in enumerate(step.passes):
            self.around.check()
            last = number == len(step.passes) - 1
            with contextlib.nullcontext() if last else self.accelerator.no_sync(model):
                losses.append(self._pass(model, batch, step, then=inputs + 1 if last else None))
        of_passes = torch.stack(losses)
        self._require_finite(of_passes, step)
        total = of_passes.sum()
        if self.args.world_size > 1:
            total = self.accelerator.reduce(total, "sum")
        assert self.lr_scheduler is not None
        rate = float(self.lr_scheduler.get_last_lr()[0])
        self.watcher.measured(float(total), rate, step)
        return total

    def _pass(
        self, model: nn.Module, batch: batches.Batch, step: batches.StepBatches, then: int | None
    ) -> Tensor:
        with self.accelerator.autocast():
            loss = summed_loss(model, batch) * (step.weight / step.predicted)
        if then is not None:
            self.ahead.prepare(then)
        # Distributed data parallel averages gradients over processes; the loss is already divided by all
        # tokens.
        self.accelerator.backward(loss * self.args.world_size)
        return loss.detach()

    def _require_finite(self, losses: Tensor, step: batches.StepBatches) -> None:
        """`losses` [passes]. Asked once a step: a GPU is waited for each time."""
        for batch, value in zip(step.passes, losses.tolist(), strict=True):
            if not math.isfinite(value):
                raise NonFiniteLoss(self.state.global_step + 1, batch.rows, value)

    def made(self, number: int) -> batches.StepBatches:
        """Tensors of one step on the device, and its passes' attention. Called in a thread of its own."""
        device = self.args.device
        # A thread starts on the first GPU, whichever its process trains on.
        with torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext():
            made = self._share(self.plan[number]).to(device)
            for batch in made.passes:
                if batch.segments:
                    kernel_of(batch)
        return made

    def _share(self, step: OptimiserStep) -> batches.StepBatches:
        """This process's share of a step's rows, and the whole step's counts."""
        chosen = [self.examples[index] for index in step.rows]
        tokens = sum(map(len, chosen))
        predicted = batches.counted(chosen, self.settings.loss_on)
        share = share_of(step.rows, self.args.process_index, self.args.world_size)
        if share == step.rows:
            return batches.StepBatches(tuple(map(self._build, step.micro_batches)), predicted, tokens)
        rows = share or step.rows[:1]
        cut = split(rows, self.examples, self.settings.batching, self.settings.micro_batch_tokens)
        return batches.StepBatches(tuple(map(self._build, cut)), predicted, tokens, float(bool(share)))

    def get_train_dataloader(self) -> torch.utils.data.DataLoader[Any]:
        """Every process sees every step, and takes its share of the rows."""
        if self.args.world_size == 1:
            return super().get_train_dataloader()
        return torch.utils.data.DataLoader(range(len(self.plan)), collate_fn=_only)  # type: ignore[arg-type]

    def _build(self, indices: Sequence[int]) -> batches.Batch:
        chosen = [self.examples[index] for index in indices]
        return batches.build(chosen, self.settings.batching, self.settings.loss_on, self.pad_id)

    def _validation_loss(self) -> float:
        assert isinstance(self.model, nn.Module)
        return mean_loss(self.model, self.validation, self.settings, self.pad_id, self.around.check)

    def _clip_grad_norm(self, model: nn.Module) -> Tensor:
        """The Trainer's, without its walk through every module to find what is trained."""
        norm: Tensor = self.accelerator.clip_grad_norm_(self.trained, self.args.max_grad_norm)
        return norm

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        norm = super()._get_grad_norm(model, grad_norm)  # type: ignore[no-untyped-call]
        self.watcher.grad_norm = norm
        return norm

    def _get_train_sampler(self, train_dataset: Any = None) -> torch.utils.data.Sampler[int]:
        return torch.utils.data.SequentialSampler(self.plan)

    def _get_num_items_in_batch(self, batch_samples: list[Any], device: torch.device) -> None:
        return None  # a step already knows its tokens

    def floating_point_ops(self, inputs: Any) -> int:
        """Left out: the Trainer would count padded rows."""
        return 0


def seed_step(seed: int, step: int, process: int) -> None:
    """Makes a step's dropout a function of the seed, the step and the process, on the CPU and every GPU: what
    is resumed draws what the undisturbed training drew, and no checkpoint holds each process's generators.
    """
    torch.manual_seed((seed << 32) + (step << 10) + process)


def share_of(rows: Indices, process: int, processes: int) -> Indices:
    """Consecutive rows for each process, as evenly as they go: rows of one context stay together."""
    start, stop = (len(rows) * place // processes for place in (process, process + 1))
    return rows[start:stop]


def _only(numbers: Sequence[int]) -> int:
    (number,) = numbers
    return number
