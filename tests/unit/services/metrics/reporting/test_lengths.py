"""How long a training went on, and whether it was still learning where it ended."""

from __future__ import annotations

from typing import Any

import pytest

from services.metrics.reporting.lengths import length_of, still_falling
from shared.contracts.training.results import TokenCounts, TrainingSummary
from shared.contracts.training.settings import EarlyStopping, TrainingSettings

SETTINGS = TrainingSettings(rows_per_step=8)
STOPPING = TrainingSettings(rows_per_step=8, early_stopping=EarlyStopping(patience=3))


def curve(losses: list[float], validation: dict[int, float] | None = None) -> list[dict[str, Any]]:
    checks = validation or {}
    return [
        {"step": step, "loss": loss, "validation_loss": checks.get(step)}
        for step, loss in enumerate(losses, 1)
    ]


def summary(steps: int, planned: int, *, best: int | None = None, stopped: bool = False) -> TrainingSummary:
    return TrainingSummary.model_construct(
        steps=steps,
        planned_steps=planned,
        best_step=best,
        stopped_early=stopped,
        tokens=80 * steps,
        rendering=TokenCounts.model_construct(rows=80, tokens=800),
    )


def test_a_training_loss_that_falls_to_the_end_is_still_falling() -> None:
    assert still_falling(curve([5 - 0.02 * step for step in range(100)])) is True


def test_one_that_is_level_is_not_whatever_its_noise() -> None:
    falling_then_level = [5 - 0.04 * min(step, 50) + 0.1 * (-1) ** step for step in range(100)]
    assert still_falling(curve(falling_then_level)) is False


@pytest.mark.parametrize(
    ("last", "falls"), [(2.9, True), (2.98, False), (3.2, False)], ids=["by 3 %", "by 0.7 %", "rises"]
)
def test_held_back_rows_decide_where_there_are_any(last: float, falls: bool) -> None:
    losses = [5 - 0.02 * step for step in range(100)]  # the training loss falls in any case
    assert still_falling(curve(losses, {25: 4.0, 50: 3.5, 75: 3.0, 100: last})) is falls


def test_what_was_lower_before_its_end_is_not_still_falling() -> None:
    losses = [5 - 0.02 * step for step in range(100)]
    assert still_falling(curve(losses, {25: 4.0, 50: 3.5, 75: 3.0, 90: 2.6, 100: 2.7})) is False


def test_of_too_few_steps_or_checks_nothing_is_said() -> None:
    assert still_falling(curve([5, 4, 3])) is None
    assert still_falling(curve([5.0] * 20, {20: 3.0})) is None


def test_a_fixed_length_is_called_that() -> None:
    found = length_of(summary(30, 30), SETTINGS, curve([5 - 0.1 * step for step in range(30)]))
    assert (found.steps, found.epochs, found.chosen, found.falling) == (30, 3.0, False, True)
    assert not found.at_its_best


def test_the_length_that_held_back_rows_chose_is_that_of_the_weights_that_were_kept() -> None:
    found = length_of(summary(60, 120, best=30, stopped=True), STOPPING, curve([3.0] * 60))
    assert (found.steps, found.epochs, found.most_epochs) == (30, 3.0, 12.0)
    assert found.at_its_best


def test_what_ended_at_its_cap_while_it_still_got_better_is_not_at_its_best() -> None:
    still = curve([3.0] * 40, {10: 4.0, 20: 3.5, 30: 3.2, 40: 3.0})
    assert not length_of(summary(40, 40, best=40), STOPPING, still).at_its_best
    level = curve([3.0] * 40, {10: 4.0, 20: 3.5, 30: 3.01, 40: 3.0})
    assert length_of(summary(40, 40, best=40), STOPPING, level).at_its_best
