"""From examples to tensors: one forward pass, and which token may see which.

Three layouts of the same rows, with the same losses and gradients:

- `padded`: one row per line, filled up to the longest; the field's plain way and our reference.
- `packed`: all rows on one line, no padding; position ids restart and attention stays inside each row.
- `shared_prefix`: as packed, but rows of one context follow a single copy of their common start and see it.

A row's first predicted token may be predicted from the last token of the shared prefix, so predictions are
gathered by *predictor position*; the vocabulary-sized head then runs on no other position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from services.trainer.data.examples import Example
from shared.contracts.training.fields import Batching, LossOn

FILLING = 32
"""Tokens of a segment that only fills a line up."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive tokens of a packed line, causal among themselves; with `prefix`, they also see all of that
    one.
    """

    start: int
    stop: int
    prefix: tuple[int, int] | None = None

    def __len__(self) -> int:
        return self.stop - self.start

    def moved(self, offset: int) -> Segment:
        """The same segment, further along."""
        prefix = None if self.prefix is None else (self.prefix[0] + offset, self.prefix[1] + offset)
        return Segment(self.start + offset, self.stop + offset, prefix)


@dataclass(frozen=True)
class Batch:
    """Tensors of one forward pass.

    input_ids, position_ids: [lines, length]. attention_mask: [lines, length] when padded, else None and
    `segments` say it (their positions count through the flattened lines). predictors: [n] flat positions
    whose hidden state predicts targets [n], for the rows `owners` [n] to `owners + spans - 1` (more than one
    row for the context tokens of a shared prefix when the loss is on all tokens; else spans are 1). repeats:
    the different spans, known without asking the device. weights: what each prediction counts in the loss
    [n], a shared one the sum over its owners; None where all rows count alike, which is the spans.
    """

    input_ids: Tensor
    position_ids: Tensor
    attention_mask: Tensor | None
    predictors: Tensor
    targets: Tensor
    owners: Tensor
    spans: Tensor
    rows: tuple[str, ...]
    repeats: tuple[int, ...] = (1,)
    weights: Tensor | None = None
    segments: tuple[Segment, ...] = ()
    kernels: dict[str, Any] = field(default_factory=dict, compare=False)

    @property
    def predicted(self) -> int:
        """Predicted tokens, a shared one counted once for every row that owns it."""
        return int(self.spans.sum())

    @property
    def counts(self) -> Tensor:
        """What each prediction counts in the loss [n]."""
        return self.spans if self.weights is None else self.weights

    @property
    def computed_tokens(self) -> int:
        """Positions the model computes, padding included."""
        return self.input_ids.numel()

    def to(self, device: torch.device | str) -> Batch:
        """The same batch on another device."""
        moved: dict[str, Any] = {
            name: on_device(value, device) for name, value in vars(self).items() if isinstance(value, Tensor)
        }
        return replace(self, **moved, kernels={})


@dataclass(frozen=True)
class StepBatches:
    """The forward passes of one optimiser step on one process, and what the tokens predicted in the whole
    step count together (their number, where all rows count alike)."""

    passes: tuple[Batch, ...]
    predicted: float
    tokens: int
    weight: float = 1.0
    """0 for a process that has no row of this step, and computes one only to keep the others company."""

    def to(self, device: torch.device | str) -> StepBatches:
        """The same step on another device."""
        return replace(self, passes=tuple(batch.to(device) for batch in self.passes))


def on_device(tensor: Tensor, device: torch.device | str) -> Tensor:
    """The tensor on this device. A GPU is not waited for: it reads pinned memory when it comes to it."""
    if tensor.device.type == "cpu" and torch.device(device).type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def build(examples: Sequence[Example], batching: Batching, loss_on: LossOn, pad_id: int = 0) -> Batch:
    """One batch of these examples; with `shared_prefix`, neighbours of one group share their common start."""
    if batching == "padded":
        return _padded(examples, loss_on, pad_id)
    return _packed(examples, loss_on, share=batching == "shared_prefix")


def counted(examples: Sequence[Example], loss_on: LossOn) -> float:
    """What the predicted tokens of these rows count together: Σ weight · predicted tokens, by which the loss
    of an optimiser step is divided. Their number, where all rows count alike."""
    return sum(e.weight * (len(e) - 1 if loss_on == "all" else e.predicted) for e in examples)


def _places(example: Example, loss_on: LossOn, first: int = 1) -> Sequence[int]:
    """Places in the row, from `first` on, of its predicted tokens; the very first token has no predictor."""
    return range(first, len(example)) if loss_on == "all" else example.targets(first)


class _Targets:
    """Collects (predictor position, target id, first owner, number of owners, weight of them together)."""

    def __init__(self) -> None:
        self.predictors: list[int] = []
        self.targets: list[int] = []
        self.owners: list[int] = []
        self.spans: list[int] = []
        self.weights: list[float] = []

    def add(
        self, predictors: Sequence[int], targets: Sequence[int], owner: int, members: Sequence[Example]
    ) -> None:
        """`members`: the rows that the targets belong to, of which `owner` is the first."""
        self.predictors += predictors
        self.targets += targets
        self.owners += [owner] * len(targets)
        self.spans += [len(members)] * len(targets)
        self.weights += [sum(member.weight for member in members)] * len(targets)

    def tensors(self) -> dict[str, Any]:
        whole = ("predictors", "targets", "owners", "spans")
        made: dict[str, Any] = {name: torch.tensor(getattr(self, name), dtype=torch.long) for name in whole}
        alike = self.weights == self.spans
        weights = None if alike else torch.tensor(self.weights, dtype=torch.float32)
        return {**made, "repeats": tuple(sorted(set(self.spans))), "weights": weights}


def _padded(examples: Sequence[Example], loss_on: LossOn, pad_id: int) -> Batch:
    length = max(map(len, examples))
    ids = torch.full((len(examples), length), pad_id, dtype=torch.long)
    mask = torch.zeros((len(examples), length), dtype=torch.long)
    targets = _Targets()
    for line, example in enumerate(examples):
        row = example.ids
        ids[line, : len(row)] = torch.tensor(row)
        mask[line, : len(row)] = 1
        places, offset = _places(example, loss_on), line * length
        targets.add(
            [offset + place - 1 for place in places], [row[place] for place in places], line, [example]
        )
    positions = torch.arange(length).expand(len(examples), length).contiguous()
    return Batch(ids, positions, mask, rows=tuple(e.row for e in examples), **targets.tensors())


def _packed(examples: Sequence[Example], loss_on: LossOn, share: bool) -> Batch:
    return _joined([_line(examples, loss_on, share)], tuple(example.row for example in examples))


def _line(examples: Sequence[Example], loss_on: LossOn, share: bool) -> _Line:
    line = _Line(loss_on, len(examples))
    for owner, members in _neighbours(examples, share):
        if share and len(members) > 1 and members[0].group is not None:
            line.put_group(members, owner)
        else:
            for index, member in enumerate(members):
                line.put_row(member, owner + index)
    return line


def _neighbours(examples: Sequence[Example], share: bool) -> list[tuple[int, list[Example]]]:
    """Runs of consecutive examples with the same group, each with the index of its first."""
    runs: list[tuple[int, list[Example]]] = []
    for index, example in enumerate(examples):
        if share and runs and example.group is not None and runs[-1][1][-1].group == example.group:
            runs[-1][1].append(example)
        else:
            runs.append((index, [example]))
    return runs


class _Line:
    """A packed line as it fills up."""

    def __init__(self, loss_on: LossOn, rows: int) -> None:
        self.loss_on, self.rows = loss_on, rows
        self.ids: list[int] = []
        self.positions: list[int] = []
        self.segments: list[Segment] = []
        self.targets = _Targets()

    def put_row(self, example: Example, owner: int) -> None:
        start, row = len(self.ids), example.ids
        self._extend(row, 0, None)
        places = _places(example, self.loss_on)
        self.targets.add(
            [start + place - 1 for place in places], [row[place] for place in places], owner, [example]
        )

    def put_group(self, members: Sequence[Example], owner: int) -> None:
        shared = min(member.shared for member in members)
        start, prefix = len(self.ids), members[0].prompt[:shared]
        if shared < 1:
            for index, member in enumerate(members):
                self.put_row(member, owner + index)
            return
        self._extend(prefix, 0, None)
        if self.loss_on == "all":
            self.targets.add(range(start, start + shared - 1), prefix[1:], owner, members)
        for index, member in enumerate(members):
            self._put_suffix(member, (start, start + shared), owner + index)

    def _put_suffix(self, member: Example, prefix: tuple[int, int], owner: int) -> None:
        shared = prefix[1] - prefix[0]
        start, row = len(self.ids), member.ids
        self._extend(row[shared:], shared, prefix)
        places = _places(member, self.loss_on, shared)
        predictors = [start + place - shared - 1 for place in places]
        if places and places[0] == shared:
            predictors[0] = prefix[1] - 1
        self.targets.add(predictors, [row[place] for place in places], owner, [member])

    def _extend(self, ids: Sequence[int], position: int, prefix: tuple[int, int] | None) -> None:
        start = len(self.ids)
        self.ids += ids
        self.positions += range(position, position + len(ids))
        self.segments.append(Segment(start, len(self.ids), prefix))

    def fill(self, length: int) -> None:
        """Lengthens the line with segments that nobody sees and that predict nothing; short ones, whose
        attention costs next to nothing.
        """
        while len(self.ids) < length:
            self._extend([0] * min(FILLING, length - len(self.ids)), 0, None)


def build_lines(
    lines: Sequence[Sequence[Example]], batching: Batching, loss_on: LossOn
) -> tuple[Batch, Tensor, list[int]]:
    """One packed line for each list of examples (some may be empty), filled up to the longest.

    Returns the batch, the line of each of its predictions, and the lines' own tokens.
    """
    made = [_line(examples, loss_on, share=batching == "shared_prefix") for examples in lines]
    sizes = [len(line.ids) for line in made]
    line_of = [number for number, line in enumerate(made) for _ in line.targets.predictors]
    rows = tuple(example.row for examples in lines for example in examples)
    return _joined(made, rows), torch.tensor(line_of, dtype=torch.long), sizes


def _joined(lines: Sequence[_Line], rows: tuple[str, ...]) -> Batch:
    """A batch of these lines; its tensors are made once, from plain lists."""
    length = max(len(line.ids) for line in lines)
    ids: list[int] = []
    positions: list[int] = []
    segments: list[Segment] = []
    targets = _Targets()
    owner = 0
    for line in lines:
        line.fill(length)
        start, found = len(ids), line.targets
        ids += line.ids
        positions += line.positions
        segments += [segment.moved(start) for segment in line.segments] if start else line.segments
        targets.predictors += [start + place for place in found.predictors]
        targets.targets += found.targets
        targets.owners += [owner + place for place in found.owners]
        targets.spans += found.spans
        targets.weights += found.weights
        owner += line.rows
    return Batch(
        input_ids=torch.tensor(ids, dtype=torch.long).view(len(lines), length),
        position_ids=torch.tensor(positions, dtype=torch.long).view(len(lines), length),
        attention_mask=None,
        rows=rows,
        segments=tuple(segments),
        **targets.tensors(),
    )
