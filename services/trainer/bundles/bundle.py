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
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from services.trainer.batching import batches, layouts
from services.trainer.batching.steps import Indices, OptimiserStep
from services.trainer.bundles.members import Member, MemberState
from services.trainer.bundles.stacking import Stack
from services.trainer.errors import NonFiniteLoss, UnsuitableModel
from services.trainer.loop import loss
from services.trainer.loop.training import Trained
from services.trainer.operations.progress import Surroundings, TrainingProgress
from shared.contracts.training.results import CurvePoint
from shared.contracts.training.settings import TrainingSettings

Keep = Callable[[Member, MemberState], None]


def bundles(settings: TrainingSettings) -> bool:
    """Whether a bundle computes what these settings ask for, exactly as a solo run does."""
    return (
        settings.method == "lora"
        and settings.batching != "padded"
        and settings.early_stopping is None
        and not settings.lora.dropout
        and not settings.gradient_checkpointing
    )


def train_bundle(
    base: PreTrainedModel,
    members: Sequence[Member],
    settings: TrainingSettings,
    around: Surroundings | None = None,
    keep: Keep | None = None,
) -> list[Trained]:
    """Trains every member's adapter; `member.weights` then holds it. Results in the members' order.

    All members stand at the same step, the first or a checkpoint's. A member whose loss is not finite leaves,
    with `member.error`, and the others go on. `keep` is given a member's state every `checkpoint_seconds` and
    at its end. The base is left without adapters. Raises UnsuitableModel for settings that do not bundle.
    """
    if not bundles(settings):
        raise UnsuitableModel(
            "A bundle trains LoRA adapters without dropout, packed or with shared prefixes, without early "
            "stopping or gradient checkpointing."
        )
    around = around or Surroundings()
    started = time.monotonic()
    with layouts.laid_out(base, settings.batching):
        stack = Stack(base, [one.start for one in members], settings.lora)
        base.train()
        try:
            _Run(stack, members, settings, around, keep, started).to_the_end()
        finally:
            stack.remove()
            nn.Module.eval(base)
    seconds = time.monotonic() - started
    return [trained(one, seconds) for one in members]


def trained(one: Member, seconds: float) -> Trained:
    """What a member's training came to."""
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


class _Run:
    """The loop over steps; `active` are the members that the stack still holds, in its order."""

    def __init__(
        self,
        stack: Stack,
        members: Sequence[Member],
        settings: TrainingSettings,
        around: Surroundings,
        keep: Keep | None,
        started: float,
    ) -> None:
        self.stack, self.settings, self.around, self.keep = stack, settings, around, keep
        self.everyone, self.active = list(members), list(members)
        self.optimizer = StackedAdamW(stack, settings.weight_decay)
        self.optimizer.restore(len(members[0].curve), [one.moments for one in members])
        self.started = self.kept_at = started

    def to_the_end(self) -> None:
        self._only([not one.done for one in self.active])
        while self.active:
            self._only([one.wanted() for one in self.active])
            if self.active:
                self._step()

    def _step(self) -> None:
        losses = _gradients(self.stack, self.active, self.settings, self.around)
        finite = [self._finite(one, value) for one, value in zip(self.active, losses, strict=True)]
        self._only(finite)
        losses = [value for value, good in zip(losses, finite, strict=True) if good]
        if not self.active:
            return
        norms = clip(self.stack.grad, self.settings.max_grad_norm)
        self.optimizer.step([one.rates[len(one.curve)] for one in self.active])
        self.stack.grad.zero_()
        for one, value, norm in zip(self.active, losses, norms.tolist(), strict=True):
            _record(one, value, norm)
        self.around.progress(_progress(self.everyone, losses, self.started))
        self._keep_states()
        self._only([not one.done for one in self.active])

    def _finite(self, one: Member, value: float) -> bool:
        if not math.isfinite(value):
            rows = [one.examples[index].row for index in one.plan[len(one.curve)].rows]
            one.error = NonFiniteLoss(len(one.curve) + 1, rows, value)
        return one.error is None

    def _only(self, stays: Sequence[bool]) -> None:
        """The members that go on; the others leave the stack."""
        going = [index for index, stay in enumerate(stays) if stay]
        if going and len(going) < len(self.active):
            self.stack.keep(going)
            self.optimizer.keep(going)
        self.active = [self.active[index] for index in going]

    def _keep_states(self) -> None:
        due = time.monotonic() - self.kept_at >= self.settings.checkpoint_seconds
        for index, one in enumerate(self.active):
            if one.done:
                one.weights = self.stack.state(index)
            if self.keep is not None and (due or one.done):
                self.keep(one, self._state(index))
        if due:
            self.kept_at = time.monotonic()

    def _state(self, index: int) -> MemberState:
        one = self.active[index]
        moments = self.optimizer.moments(index)
        return MemberState(
            self.stack.state(index), moments, tuple(one.curve), one.tokens, one.computed_tokens
        )


def _record(one: Member, value: float, norm: float) -> None:
    step = len(one.curve)
    one.tokens += sum(len(one.examples[index]) for index in one.plan[step].rows)
    one.curve.append(
        CurvePoint(
            step=step + 1, loss=value, learning_rate=one.rates[step], grad_norm=norm, tokens=one.tokens
        )
    )


def _progress(members: Sequence[Member], losses: Sequence[float], started: float) -> TrainingProgress:
    steps, done = sum(len(one.plan) for one in members), sum(len(one.curve) for one in members)
    tokens, elapsed = sum(one.tokens for one in members), max(time.monotonic() - started, 1e-9)
    return TrainingProgress(
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
    device = stack.flat.device
    predicted = torch.tensor(
        [_predicted(one, step, settings) for one, step in zip(active, steps, strict=True)], device=device
    )
    totals = torch.zeros(len(active), dtype=torch.float64, device=device)
    for number in range(max(len(step.micro_batches) for step in steps)):
        around.check()
        chosen = [step.micro_batches[number] if number < len(step.micro_batches) else () for step in steps]
        batch, line_of = bundle_batch(active, chosen, settings)
        per_line = line_losses(stack.base, batch.to(device), line_of.to(device), len(active))
        shares = per_line / predicted
        shares.sum().backward()  # type: ignore[no-untyped-call]
        totals += shares.detach()
    losses: list[float] = totals.tolist()
    return losses


def _predicted(one: Member, step: OptimiserStep, settings: TrainingSettings) -> float:
    return batches.counted([one.examples[index] for index in step.rows], settings.loss_on)


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
    """Σ w · -ln p over each line's predictions, w the weight of their rows, [lines], with gradients."""
    hidden, head = loss.hidden_states(model, batch)
    values = loss.token_losses(hidden, head, batch.targets) * batch.counts
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

    def moments(self, index: int) -> tuple[Tensor, Tensor]:
        """One adapter's running means of gradient and squared gradient, [parameters] each."""
        state = self.optimizer.state[self.parameter]
        first, second = (state[name][index].to("cpu", copy=True) for name in ("exp_avg", "exp_avg_sq"))
        return first, second

    def restore(self, steps: int, moments: Sequence[tuple[Tensor, Tensor] | None]) -> None:
        """Goes on after so many steps with these moments; at the first step there are none."""
        known = [pair for pair in moments if pair is not None]
        if not steps:
            return
        first, second = (torch.stack(part).to(self.stack.flat) for part in zip(*known, strict=True))
        state = {"step": torch.tensor(float(steps)), "exp_avg": first, "exp_avg_sq": second}
        self.optimizer.state[self.parameter] = state

    def keep(self, which: Sequence[int]) -> None:
        """Drops the moments of adapters that have ended; called after `Stack.keep`."""
        chosen = torch.tensor(which, device=self.stack.flat.device)
        self.parameter.data = self.stack.flat
        self.parameter.grad = None
        state = self.optimizer.state[self.parameter]
        if not state:  # somebody left before the first step
            return
        for name in ("exp_avg", "exp_avg_sq"):
            state[name] = state[name][chosen].clone()
