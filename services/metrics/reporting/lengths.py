"""How long a training went on, who chose that, and whether it was still learning where it ended.

A loss is compared at each side's best only where something stopped the training because it got no better:
early stopping on held-back rows. A fixed number of epochs is one that somebody chose beforehand. Either way
the curve that the training left says whether its end came too early (`still_falling`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shared.contracts.training.results import TrainingSummary
from shared.contracts.training.settings import TrainingSettings

FALLING = 0.01
"""Still falling: the loss goes down by more than this share of itself over the last quarter of the steps."""
QUARTERS = 4
FEWEST_STEPS = 8
"""Of a curve of fewer steps nothing is said."""
Point = Mapping[str, Any]


@dataclass(frozen=True)
class Length:
    """Of one training. `steps` and `epochs` are those whose weights were kept, `planned` those it could take.

    `chosen`: by the loss on held-back rows (early stopping); False: the number was fixed beforehand.
    `falling`: whether it was still learning where it ended; None where too few steps tell.
    """

    steps: int
    planned: int
    epochs: float
    chosen: bool
    falling: bool | None

    @property
    def most_epochs(self) -> float:
        """How often it could have seen its rows."""
        return self.epochs * self.planned / self.steps

    @property
    def at_its_best(self) -> bool:
        """Whether held-back rows say that it would have got no better by going on."""
        return self.chosen and self.falling is False


def length_of(summary: TrainingSummary, settings: TrainingSettings, curve: Sequence[Point]) -> Length:
    """From a model's summary, the settings of its request, and its `loss_curve.json`."""
    chosen = settings.early_stopping is not None
    steps = (summary.best_step if chosen else None) or summary.steps
    return Length(
        steps=steps,
        planned=summary.planned_steps,
        epochs=summary.tokens / max(1, summary.rendering.tokens) * steps / max(1, summary.steps),
        chosen=chosen,
        falling=False if summary.stopped_early else still_falling(curve),
    )


def still_falling(curve: Sequence[Point]) -> bool | None:
    """Whether the loss still fell over the last quarter of the steps, by more than `FALLING` of itself.

    With validation losses: the last of them is the lowest, by so much below those until three quarters of the
    way.
    Without: the mean training loss of the last quarter is below that of the quarter before by so much, and by
    more than twice the standard error of that difference. None where there are too few steps to tell.
    """
    if len(curve) < FEWEST_STEPS:
        return None
    checked = [(point["step"], point["validation_loss"]) for point in curve if point.get("validation_loss")]
    if checked:
        return _validation_falls(checked)
    quarter = len(curve) // QUARTERS
    losses = np.asarray([point["loss"] for point in curve[-2 * quarter :]], np.float64)
    before, after = losses[:quarter], losses[quarter:]
    fall = float(before.mean() - after.mean())
    error = float(np.sqrt(before.var(ddof=1) / len(before) + after.var(ddof=1) / len(after)))
    return fall > FALLING * float(before.mean()) and fall > 2 * error


def _validation_falls(checked: Sequence[tuple[int, float]]) -> bool | None:
    end, last = checked[-1]
    earlier = [loss for step, loss in checked if step <= end * (QUARTERS - 1) / QUARTERS]
    if not earlier:
        return None
    return last == min(loss for _, loss in checked) and last < (1 - FALLING) * min(earlier)
