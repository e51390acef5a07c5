"""Dispatched operations of an adapter's step: what a launch-bound GPU pays for, counted on any machine.

On a GPU itself they are not counted: FlexAttention does not run under a dispatch mode. There a step's seconds
are measured, for as many adapters.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import TrainerCallback

from benchmarks.trainer import peer, shapes
from benchmarks.trainer.cases import Case
from services.trainer.batching.steps import plan_steps
from services.trainer.bundles import bundle, members, stacking
from services.trainer.data.examples import Example
from services.trainer.models import loading
from services.trainer.operations.progress import Surroundings, TrainingProgress


class Counter(TorchDispatchMode):
    """Counts what reaches torch's dispatcher, backward passes and optimiser included."""

    count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return func(*args, **(kwargs or {}))


def measure(case: Case, side: str, device: str, examples: Sequence[Example]) -> dict[str, Any]:
    """Operations per step (of one adapter, of all members at once), from the second step on, and seconds."""
    size = len(examples) // case.members
    sets = [examples[start : start + size] for start in range(0, size * case.members, size)]
    marks: list[float] = []
    on_gpu = device.startswith("cuda")
    with nullcontext() if on_gpu else Counter() as counter:

        def mark() -> None:
            marks.append(_clock(device) if counter is None else counter.count)

        clock = _clock(device)
        losses = (_solo if side == "theirs" else _bundled)(case, sets, device, mark)
        seconds = _clock(device) - clock
    steps = size // case.asked.rows_per_step
    first = marks[:steps]  # theirs has one training after the other: its first will do
    per_step = (first[-1] - first[0]) / (steps - 1)
    if on_gpu and side == "theirs":
        per_step *= case.members
    return {"seconds": per_step, "total_seconds": seconds, "losses": losses, "members": case.members}


def _clock(device: str) -> float:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


def _solo(case: Case, sets: Sequence[Sequence[Example]], device: str, mark: Any) -> list[float]:
    """transformers' Trainer, one adapter after the other."""

    class Mark(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            mark()

    losses: list[float] = []
    for seed, rows in enumerate(sets):
        model = loading.add_lora(shapes.make(case.shape, device), case.asked.lora, seed=seed)
        steps = plan_steps(rows, case.asked, seed)
        ordered = [rows[index] for step in steps for index in step.rows]
        made, kept = peer.trainer(model, ordered, case.asked, case.batch, device)
        made.add_callback(Mark())
        made.train()
        losses += kept.values
    return losses


def _bundled(case: Case, sets: Sequence[Sequence[Example]], device: str, mark: Any) -> list[float]:
    base = shapes.make(case.shape, device)
    asked = case.asked
    trainings = [
        members.member(str(seed), rows, stacking.fresh_adapter(base, asked.lora, seed), asked, seed)
        for seed, rows in enumerate(sets)
    ]

    def told(_progress: TrainingProgress) -> None:
        mark()

    trained = bundle.train_bundle(base, trainings, asked, Surroundings(progress=told))
    return [point.loss for one in trained for point in one.curve]
