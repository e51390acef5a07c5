"""One training of a bundle: its rows, order and rates, how far it is, and its checkpoint.

A checkpoint is one safetensors file that belongs to one training alone: it is taken up in whatever bundle
the training next is a member of, or alone. At the last step it is the finished adapter.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import get_scheduler

from services.trainer.batching.steps import OptimiserStep, plan_steps
from services.trainer.data.examples import Example
from services.trainer.errors import ForeignCheckpoint, NonFiniteLoss
from services.trainer.loop.arguments import SCHEDULES
from shared.contracts.training.results import CurvePoint
from shared.contracts.training.settings import TrainingSettings

AdapterState = Mapping[str, Tensor]
MOMENTS = ("gamut.exp_avg", "gamut.exp_avg_sq")


def always() -> bool:
    """For members that stay to their end."""
    return True


@dataclass(frozen=True)
class MemberState:
    """A member between two steps: weights in peft's names, AdamW's moments [parameters] in the weights'
    order.
    """

    weights: AdapterState
    moments: tuple[Tensor, Tensor]
    curve: tuple[CurvePoint, ...]
    tokens: int
    computed_tokens: int

    @property
    def step(self) -> int:
        return len(self.curve)


@dataclass
class Member:
    """A training of a bundle. `wanted` is asked before every step: a member that is not leaves. `error` says
    why it left before its end.
    """

    name: str
    examples: Sequence[Example]
    start: AdapterState
    plan: Sequence[OptimiserStep]
    rates: Sequence[float]
    curve: list[CurvePoint] = field(default_factory=list)
    tokens: int = 0
    computed_tokens: int = 0
    weights: AdapterState | None = None
    moments: tuple[Tensor, Tensor] | None = None
    error: NonFiniteLoss | None = None
    wanted: Callable[[], bool] = always

    @property
    def done(self) -> bool:
        return len(self.curve) == len(self.plan)

    def restore(self, state: MemberState) -> None:
        """Goes on from a checkpoint."""
        self.start = {name: state.weights[name] for name in self.start}  # the moments follow this order
        self.moments, self.curve = state.moments, list(state.curve)
        self.tokens, self.computed_tokens = state.tokens, state.computed_tokens
        self.weights = self.start if self.done else None


def member(
    name: str, examples: Sequence[Example], start: AdapterState, settings: TrainingSettings, seed: int
) -> Member:
    """A training that starts from these weights, with the order and the schedule its solo run has."""
    plan = plan_steps(examples, settings, seed)
    return Member(name, examples, start, plan, learning_rates(settings, len(plan)))


def learning_rates(settings: TrainingSettings, steps: int) -> list[float]:
    """The learning rate of every step, as the Trainer's schedule gives it."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=settings.learning_rate)
    warmup = math.ceil(steps * settings.warmup_ratio)
    schedule = get_scheduler(SCHEDULES[settings.schedule], optimizer, warmup, steps)
    rates = []
    for _ in range(steps):
        rates.append(float(schedule.get_last_lr()[0]))
        optimizer.step()
        schedule.step()
    return rates


def write_state(state: MemberState, path: Path, fingerprint: str) -> None:
    """One file; `fingerprint` names the request it belongs to."""
    told = {
        "points": [point.model_dump() for point in state.curve],
        "tokens": state.tokens,
        "computed_tokens": state.computed_tokens,
    }
    tensors = {**state.weights, **dict(zip(MOMENTS, state.moments, strict=True))}
    save_file(tensors, str(path), metadata={"request": fingerprint, "state": json.dumps(told)})


def read_state(path: Path, fingerprint: str) -> MemberState:
    """Raises ForeignCheckpoint when another request wrote the file."""
    with safe_open(str(path), framework="pt") as file:
        about = file.metadata() or {}
        if about.get("request") != fingerprint:
            raise ForeignCheckpoint(fingerprint, about.get("request", "an unknown request"))
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    told = json.loads(about["state"])
    moments = (tensors.pop(MOMENTS[0]), tensors.pop(MOMENTS[1]))
    points = tuple(CurvePoint(**point) for point in told["points"])
    return MemberState(tensors, moments, points, told["tokens"], told["computed_tokens"])
