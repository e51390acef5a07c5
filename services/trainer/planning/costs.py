"""Seconds and plans that are added up: of answers that are written, of several test sets."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from services.trainer.data.rendering import Rendered
from services.trainer.evaluation.answers import passes
from services.trainer.planning.machine import Machine
from shared.contracts.fields import Range
from shared.contracts.training.plans import Plan
from shared.contracts.training.settings import EvaluationSettings, TrainingSettings

# Low, expected and high over the estimate: how far from it we have seen the truth.
SECONDS_FACTOR = (0.8, 1.8, 5.0)
SECONDS_PER_OPERATION = 15e-6
SUMMED = ("rows", "tokens", "computed_tokens", "steps")


def answering_seconds(
    operations: float,
    rendered: Rendered,
    settings: TrainingSettings | EvaluationSettings,
    parameters: int,
    machine: Machine,
    new: int,
) -> Range:
    """Seconds of writing answers of `new` tokens at most: a forward pass for each token of each batch, and
    every prompt once. How soon they end by themselves is not known: at an eighth of it, or never."""
    if not new:
        return Range(low=0.0, expected=0.0, high=0.0)
    prompts = [len(example.prompt) for example in rendered.examples]
    budget = settings.micro_batch_tokens
    batches = sum(1 for _ in passes(rendered.examples, new, budget))
    most = 2 * parameters * new * len(prompts) / machine.speed
    most += operations * batches * new * SECONDS_PER_OPERATION
    reading = 2 * parameters * sum(prompts) / machine.speed
    low, expected, high = (factor * reading for factor in SECONDS_FACTOR)
    return Range(
        low=low + SECONDS_FACTOR[0] * most / 8,
        expected=expected + SECONDS_FACTOR[1] * most / 2,
        high=high + SECONDS_FACTOR[2] * most,
    )


def added(one: Range, other: Range) -> Range:
    return Range(low=one.low + other.low, expected=one.expected + other.expected, high=one.high + other.high)


def together(plans: Sequence[Plan]) -> Plan:
    """The plan of one job that does the work of several, one after the other, with one model."""
    first = plans[0]
    largest = max(plans, key=lambda plan: plan.memory_bytes.expected)
    return first.model_copy(
        update={
            **{name: sum(getattr(plan, name) for plan in plans) for name in SUMMED},
            "memory_bytes": largest.memory_bytes,
            "seconds": functools.reduce(added, (plan.seconds for plan in plans)),
            "fits": largest.fits,
            "advice": largest.advice,
        }
    )
