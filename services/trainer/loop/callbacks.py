"""What happens between steps: the curve and its progress, early stopping, checkpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import TrainerCallback
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

from services.trainer.batching.batches import StepBatches
from services.trainer.operations.progress import Surroundings, TrainingProgress, sign
from shared.contracts.training.results import CurvePoint
from shared.contracts.training.settings import EarlyStopping

CURVE_FILE, STOPPER_FILE, BEST_FILE = "curve.json", "early_stopping.json", "best.safetensors"


class Watcher(TrainerCallback):
    """Keeps the loss curve and reports progress after every step."""

    def __init__(self, around: Surroundings, planned: int) -> None:
        self.around, self.planned = around, planned
        self.curve: list[CurvePoint] = []
        self.tokens = self.computed_tokens = 0
        self.grad_norm: Tensor | float = 0.0
        self._pending: tuple[float, float] = (0.0, 0.0)
        self._started, self._tokens_before, self._steps_before = time.monotonic(), 0, 0

    def measured(self, loss: float, learning_rate: float, step: StepBatches) -> None:
        """Called with each step's loss before its update."""
        self._pending = (loss, learning_rate)
        self.tokens += step.tokens
        self.computed_tokens += sum(batch.computed_tokens for batch in step.passes)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._started, self._tokens_before, self._steps_before = (
            time.monotonic(),
            self.tokens,
            len(self.curve),
        )

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        loss, rate = self._pending
        self.curve.append(
            CurvePoint(
                step=state.global_step,
                loss=loss,
                learning_rate=rate,
                grad_norm=float(self.grad_norm),
                tokens=self.tokens,
            )
        )
        if state.is_world_process_zero:
            self.around.progress(self._progress(state.global_step, loss))

    def _progress(self, step: int, loss: float) -> TrainingProgress:
        elapsed = max(time.monotonic() - self._started, 1e-9)
        per_step = elapsed / max(step - self._steps_before, 1)
        return TrainingProgress(
            step=step,
            steps=self.planned,
            loss=loss,
            tokens=self.tokens,
            tokens_per_second=(self.tokens - self._tokens_before) / elapsed,
            eta_seconds=per_step * (self.planned - step),
        )

    def validated(self, loss: float) -> None:
        """Adds a validation loss to the newest point of the curve."""
        self.curve[-1] = self.curve[-1].model_copy(update={"validation_loss": loss})

    def save(self, folder: Path) -> None:
        """Puts the curve so far into a checkpoint."""
        points = [point.model_dump() for point in self.curve]
        state = {"points": points, "tokens": self.tokens, "computed_tokens": self.computed_tokens}
        (folder / CURVE_FILE).write_text(json.dumps(state))

    def restore(self, folder: Path) -> None:
        """Takes the curve up where a checkpoint left it."""
        state = json.loads((folder / CURVE_FILE).read_text())
        self.curve = [CurvePoint(**point) for point in state["points"]]
        self.tokens, self.computed_tokens = state["tokens"], state["computed_tokens"]


class EarlyStopper(TrainerCallback):
    """Evaluates on the validation rows, keeps the best weights, and stops when they stop getting better."""

    def __init__(
        self,
        settings: EarlyStopping | None,
        evaluate: Callable[[], float],
        watcher: Watcher,
        checks: frozenset[int],
    ) -> None:
        """`checks`: the steps after which it evaluates (`steps.validation_steps`)."""
        self.settings, self.evaluate, self.watcher, self.checks = settings, evaluate, watcher, checks
        self.best_loss, self.best_step, self.waited, self.stopped = float("inf"), None, 0, False
        self.best: dict[str, Tensor] = {}

    best_step: int | None

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        if self.settings is None or state.global_step not in self.checks:
            return
        loss = self.evaluate()
        model.train()
        self.watcher.validated(loss)
        if loss < self.best_loss:
            self.best_loss, self.best_step, self.waited = loss, state.global_step, 0
            self.best = _trainable(model)
        else:
            self.waited += 1
        if self.waited >= self.settings.patience:
            self.stopped = control.should_training_stop = True

    def use_best(self, model: nn.Module) -> None:
        """Puts the best weights seen back into the model."""
        if self.best:
            model.load_state_dict(self.best, strict=False)

    def save(self, folder: Path) -> None:
        """Puts the best weights and the count of evaluations without progress into a checkpoint."""
        if self.best:
            save_file(self.best, str(folder / BEST_FILE))
        state = {"best_loss": self.best_loss, "best_step": self.best_step, "waited": self.waited}
        (folder / STOPPER_FILE).write_text(json.dumps(state))

    def restore(self, folder: Path) -> None:
        """Goes on from a checkpoint."""
        state = json.loads((folder / STOPPER_FILE).read_text())
        self.best_loss, self.best_step, self.waited = state["best_loss"], state["best_step"], state["waited"]
        if (folder / BEST_FILE).exists():
            self.best = load_file(str(folder / BEST_FILE))


def _trainable(model: nn.Module) -> dict[str, Tensor]:
    """A copy of the trainable parameters, on the CPU."""
    return {
        name: parameter.detach().to("cpu", copy=True).contiguous()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }


class Checkpointing(TrainerCallback):
    """Asks for a checkpoint when the last one is old enough, and hands it out when it is written."""

    def __init__(self, around: Surroundings, seconds: float, watcher: Watcher, stopper: EarlyStopper) -> None:
        self.around, self.seconds, self.watcher, self.stopper = around, seconds, watcher, stopper
        self._last = time.monotonic()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._last = time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        due = time.monotonic() - self._last >= self.seconds and state.global_step < state.max_steps
        # Resumed where early stopping ended it, the training would go on past its end.
        due = due and not control.should_training_stop
        if self.around.save_checkpoint is not None and due:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        assert self.around.save_checkpoint is not None
        folder = Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}"
        if state.is_world_process_zero:
            self.watcher.save(folder)
            self.stopper.save(folder)
            sign(folder, self.around.fingerprint)
            self.around.save_checkpoint(folder, state.global_step)
        self._last = time.monotonic()
