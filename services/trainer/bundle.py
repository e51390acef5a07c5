"""Training several adapters at once on one frozen base: a sweep's trainings share every forward and backward
pass.

Each adapter has its own rows, order, schedule, clipping and end; its trajectory is that of its solo run to
float tolerance. This is a loop of our own because transformers' Trainer has one learning rate, one gradient
norm and one end for everything it trains. AdamW and the schedules are the libraries': torch's AdamW takes a
step of learning rate one on the flat tensor, and adapter i goes its learning rate's share of that way, p + ηᵢ
(p' - p), which is AdamW at ηᵢ exactly (decoupled decay included), since both terms of its update are
proportional to the learning rate.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, get_scheduler

from services.trainer import batches, loss, models
from services.trainer.errors import NonFiniteLoss, UnsuitableModel
from services.trainer.progress import Progress, Surroundings
from services.trainer.rendering import Example
from services.trainer.stacking import AdapterState, Stack
from services.trainer.steps import Indices, Step, plan_steps
from services.trainer.training import SCHEDULES, Trained
from shared.contracts.training import CurvePoint, TrainingSettings


@dataclass
class Member:
    """One training of a bundle, and how far it is."""

    name: str
    examples: Sequence[Example]
    start: AdapterState
    plan: Sequence[Step]
    rates: Sequence[float]
    curve: list[CurvePoint] = field(default_factory=list)
    tokens: int = 0
    computed_tokens: int = 0
    weights: AdapterState | None = None

    @property
    def done(self) -> bool:
        return len(self.curve) == len(self.plan)


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


def train_bundle(
    base: PreTrainedModel,
    members: Sequence[Member],
    settings: TrainingSettings,
    around: Surroundings | None = None,
) -> list[Trained]:
    """Trains every member's adapter; `member.weights` then holds it. Results in the members' order.

    The base is left without adapters. Raises NonFiniteLoss, UnsuitableModel (dropout, early stopping,
    padded).
    """
    if settings.batching == "padded" or settings.early_stopping is not None or settings.method != "lora":
        raise UnsuitableModel(
            "A bundle trains LoRA adapters, packed or with shared prefixes, without early stopping."
        )
    around = around or Surroundings()
    started = time.monotonic()
    stack = Stack(base, [one.start for one in members], settings.lora)
    base.train()
    try:
        with models.laid_out(base, settings.batching):
            _run(stack, list(members), settings, around, started)
    finally:
        stack.remove()
        nn.Module.eval(base)
    seconds = time.monotonic() - started
    return [_trained(one, seconds) for one in members]


def _trained(one: Member, seconds: float) -> Trained:
    return Trained(
        curve=tuple(one.curve),
        steps=len(one.curve),
        planned_steps=len(one.plan),
        stopped_early=False,
        best_step=None,
        tokens=one.tokens,
        computed_tokens=one.computed_tokens,
        seconds=seconds,
    )


def _run(
    stack: Stack, active: list[Member], settings: TrainingSettings, around: Surroundings, started: float
) -> None:
    everyone = list(active)
    optimizer = StackedAdamW(stack, settings.weight_decay)
    while active:
        losses = _gradients(stack, active, settings, around)
        norms = clip(stack.grad, settings.max_grad_norm)
        optimizer.step([one.rates[len(one.curve)] for one in active])
        stack.grad.zero_()
        for one, value, norm in zip(active, losses, norms.tolist(), strict=True):
            _record(one, value, norm)
        around.progress(_progress(everyone, losses, started))
        for index, one in enumerate(active):
            if one.done:
                one.weights = stack.state(index)
        going = [index for index, one in enumerate(active) if not one.done]
        if going and len(going) < len(active):
            stack.keep(going)
            optimizer.keep(going)
        active = [active[index] for index in going]


def _record(one: Member, value: float, norm: float) -> None:
    step = len(one.curve)
    one.tokens += sum(len(one.examples[index]) for index in one.plan[step].rows)
    one.curve.append(
        CurvePoint(
            step=step + 1, loss=value, learning_rate=one.rates[step], grad_norm=norm, tokens=one.tokens
        )
    )


def _progress(members: Sequence[Member], losses: Sequence[float], started: float) -> Progress:
    steps, done = sum(len(one.plan) for one in members), sum(len(one.curve) for one in members)
    tokens, elapsed = sum(one.tokens for one in members), max(time.monotonic() - started, 1e-9)
    return Progress(
        step=done,
        steps=steps,
        loss=sum(losses) / len(losses),
        tokens=tokens,
        tokens_per_second=tokens / elapsed,
        eta_seconds=elapsed / done * (steps - done),
    )


def _gradients(
    stack: Stack, active: Sequence[Member], settings: TrainingSettings, around: Surroundings
) -> list[float]:
    """Adds every adapter's gradient of its own next step to the stack; returns their losses."""
    steps = [one.plan[len(one.curve)] for one in active]
    predicted = torch.tensor(
        [_predicted(one, step, settings) for one, step in zip(active, steps, strict=True)]
    )
    totals = torch.zeros(len(active), dtype=torch.float64)
    for number in range(max(len(step.micro_batches) for step in steps)):
        around.check()
        chosen = [step.micro_batches[number] if number < len(step.micro_batches) else () for step in steps]
        batch, line_of = bundle_batch(active, chosen, settings)
        per_line = line_losses(
            stack.base, batch.to(stack.flat.device), line_of.to(stack.flat.device), len(active)
        )
        shares = per_line / predicted.to(per_line.device)
        shares.sum().backward()  # type: ignore[no-untyped-call]
        totals += shares.detach().double().cpu()
    losses: list[float] = totals.tolist()
    _require_finite(losses, active, steps)
    return losses


def _predicted(one: Member, step: Step, settings: TrainingSettings) -> int:
    chosen = [one.examples[index] for index in step.rows]
    return sum(len(e) - 1 if settings.loss_on == "all" else e.predicted for e in chosen)


def _require_finite(losses: Sequence[float], active: Sequence[Member], steps: Sequence[Step]) -> None:
    for total, one, step in zip(losses, active, steps, strict=True):
        if not math.isfinite(total):
            rows = [f"{one.name}: {one.examples[index].row}" for index in step.rows]
            raise NonFiniteLoss(len(one.curve) + 1, rows, total)


def bundle_batch(
    active: Sequence[Member], chosen: Sequence[Indices], settings: TrainingSettings
) -> tuple[batches.Batch, Tensor]:
    """One line per adapter, its rows packed; and each prediction's line."""
    lines = [[one.examples[index] for index in indices] for one, indices in zip(active, chosen, strict=True)]
    batch, line_of, sizes = batches.build_lines(lines, settings.batching, settings.loss_on)
    for one, size in zip(active, sizes, strict=True):
        one.computed_tokens += size
    return batch, line_of


def line_losses(model: nn.Module, batch: batches.Batch, line_of: Tensor, lines: int) -> Tensor:
    """Σ -ln p over each line's predictions, [lines], with gradients."""
    hidden, head = loss.hidden_states(model, batch)
    parts = [
        cross_entropy(loss.at_least_fp32(head(h)), t, reduction="none") * s
        for h, t, s in zip(
            *(torch.split(x, loss.chunk_rows(head)) for x in (hidden, batch.targets, batch.spans)),
            strict=True,
        )
    ]
    values = torch.cat(parts)
    return values.new_zeros(lines).index_add(0, line_of, values)


def clip(grad: Tensor, limit: float) -> Tensor:
    """Scales each adapter's gradient [N, parameters] to a norm of at most `limit` (0: no limit); returns the
    norms.
    """
    norms: Tensor = torch.linalg.vector_norm(grad, dim=1)
    if limit:
        grad.mul_((limit / (norms + 1e-6)).clamp_max_(1.0).unsqueeze(1))
    return norms


class StackedAdamW:
    """torch's AdamW on the flat tensor, with a learning rate per adapter (see the module's first lines)."""

    def __init__(self, stack: Stack, weight_decay: float) -> None:
        self.stack = stack
        self.parameter = nn.Parameter(stack.flat)
        self.optimizer = torch.optim.AdamW([self.parameter], lr=1.0, weight_decay=weight_decay)

    @torch.no_grad()
    def step(self, rates: Sequence[float]) -> None:
        """One update of every adapter at its own rate."""
        flat = self.stack.flat
        before = flat.clone()
        self.parameter.data, self.parameter.grad = flat, self.stack.grad
        self.optimizer.step()
        rate = torch.tensor(rates, dtype=flat.dtype, device=flat.device).unsqueeze(1)
        torch.lerp(before, flat, rate, out=flat)

    def keep(self, which: Sequence[int]) -> None:
        """Drops the moments of adapters that have ended; called after `Stack.keep`."""
        chosen = torch.tensor(which, device=self.stack.flat.device)
        self.parameter.data = self.stack.flat
        self.parameter.grad = None
        state = self.optimizer.state[self.parameter]
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = state[name][chosen].clone()
