"""The order of the rows: which meet in an optimiser step, and how a step is cut into forward passes.

The whole order is a pure function of the rows and the settings, so that a resumed training goes on where it
stopped and two layouts of one order can be compared.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch

from services.trainer.data.examples import Example
from shared.contracts.training.fields import Batching
from shared.contracts.training.settings import TrainingSettings

Indices = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OptimiserStep:
    """One optimiser step: the examples of each forward pass, by index, and its epoch (from 0)."""

    micro_batches: tuple[Indices, ...]
    epoch: int = 0

    @property
    def rows(self) -> Indices:
        return tuple(index for micro_batch in self.micro_batches for index in micro_batch)


def plan_steps(examples: Sequence[Example], settings: TrainingSettings, seed: int = 0) -> list[OptimiserStep]:
    """All steps of a training, over all its epochs, in an order that `seed` decides; the last step of an
    epoch may be smaller.
    """
    shared = settings.batching == "shared_prefix"
    steps: list[OptimiserStep] = []
    for epoch in range(math.ceil(settings.epochs)):
        generator = torch.Generator().manual_seed((seed << 16) + epoch)
        order = (
            _by_context(examples, settings, generator) if shared else _shuffled(examples, settings, generator)
        )
        epoch_steps = [
            OptimiserStep(tuple(split(rows, examples, settings.batching, settings.micro_batch_tokens)), epoch)
            for rows in order
        ]
        share = min(1.0, settings.epochs - epoch)
        steps += epoch_steps[: math.ceil(share * len(epoch_steps))]
    return steps if settings.max_steps is None else steps[: settings.max_steps]


def validation_steps(steps: Sequence[OptimiserStep], every: int | None) -> frozenset[int]:
    """After which steps, counted from 1, the validation rows are scored: every so many, or at each epoch's
    end (None); in both cases after the last, so that the final weights are among those compared.
    """
    if every is not None:
        found = set(range(every, len(steps) + 1, every))
    else:
        found = {
            number for number, (step, after) in enumerate(pairwise(steps), 1) if step.epoch != after.epoch
        }
    return frozenset(found | {len(steps)})


def _shuffled(
    examples: Sequence[Example], settings: TrainingSettings, generator: torch.Generator
) -> list[Indices]:
    order = torch.randperm(len(examples), generator=generator).tolist()
    return list(_chunks(order, settings.rows_per_step))


def _by_context(
    examples: Sequence[Example], settings: TrainingSettings, generator: torch.Generator
) -> list[Indices]:
    """Contexts in random order, the rows of each in random order; a step takes whole contexts while they fit,
    and a context of more than `rows_per_step` rows fills steps of its own.
    """
    groups: dict[object, list[int]] = {}
    for index, example in enumerate(examples):
        groups.setdefault(("row", index) if example.group is None else example.group, []).append(index)
    lists = list(groups.values())
    steps: list[Indices] = []
    for place in torch.randperm(len(lists), generator=generator).tolist():
        rows = lists[place]
        shuffled = [rows[i] for i in torch.randperm(len(rows), generator=generator).tolist()]
        for piece in _chunks(shuffled, settings.rows_per_step):
            if steps and len(steps[-1]) + len(piece) <= settings.rows_per_step:
                steps[-1] += piece
            else:
                steps.append(piece)
    return steps


def _chunks(items: Sequence[int], size: int) -> Iterator[Indices]:
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])


def split(
    rows: Iterable[int], examples: Sequence[Example], batching: Batching, budget: int
) -> Iterator[Indices]:
    """Consecutive rows in passes of at most `budget` computed tokens; a row longer than that has one of its
    own.
    """
    current: list[int] = []
    for index in rows:
        if current and computed_tokens([examples[i] for i in (*current, index)], batching) > budget:
            yield tuple(current)
            current = []
        current.append(index)
    if current:
        yield tuple(current)


def computed_tokens(examples: Sequence[Example], batching: Batching) -> int:
    """Positions that one forward pass over these examples computes, as `batches.build` lays them out."""
    if batching == "padded":
        return len(examples) * max(map(len, examples))
    total = sum(map(len, examples))
    if batching == "shared_prefix":
        total -= sum(
            later.shared
            for earlier, later in pairwise(examples)
            if later.group is not None and earlier.group == later.group
        )
    return total
