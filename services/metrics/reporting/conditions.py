"""Conditions: the runs of an experiment that differ in their seed only, taken together."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from services.metrics.intervals.losses import RowLosses
from services.metrics.reporting.lengths import Length
from services.metrics.reporting.runs import Number, Run
from shared.contracts.report import Design


@dataclass(frozen=True)
class Condition:
    """One way to train, tried with one or several seeds. `axes` are without the one that repeats."""

    name: str
    label: str
    axes: Mapping[str, Any]
    runs: tuple[Run, ...]

    def figures(self, name: str) -> list[Number]:
        """The figure of every run that has it."""
        return [value for run in self.runs if (value := run.figure(name)) is not None]

    def mean(self, name: str) -> float | None:
        found = self.figures(name)
        return float(np.mean(found)) if found else None

    @property
    def design(self) -> Design | None:
        """What its rows are tested as, as the recipe declares it."""
        return self.runs[0].design

    @property
    def pool(self) -> str | None:
        """What the generated rows in it are called, where the recipe or the mixture says so."""
        named = (run.pool or run.dataset.get("pool") for run in self.runs)
        return next((str(name) for name in named if name), None)

    def amount(self, origin: str) -> float | None:
        """`real` or `generated` rows of a mixture, as the mixture says; None for what is none."""
        found = [run.dataset[origin] for run in self.runs if run.dataset.get("unit") == "rows"]
        return float(np.mean(found)) if found else None

    @property
    def lengths(self) -> list[Length]:
        """How long its trainings went on, where that is known."""
        return [run.length for run in self.runs if run.length is not None]

    @property
    def at_its_best(self) -> bool:
        """Whether held-back rows chose the length of all its trainings, and none was still falling."""
        return len(self.lengths) == len(self.runs) and all(length.at_its_best for length in self.lengths)

    @property
    def stopped(self) -> str | None:
        """Why a gate kept it from being trained."""
        return next((run.stopped for run in self.runs if run.stopped), None)

    def row_losses(self) -> RowLosses | None:
        """Each test row's loss, its mean over the seeds; None unless all were evaluated on the same rows."""
        losses = [run.losses for run in self.runs if run.losses is not None]
        if not losses or len(losses) < len(self.figures("loss")):
            return None
        first = losses[0]
        if any(not same_rows(first, other) for other in losses[1:]):
            return None
        mean = np.mean([found.nll for found in losses], axis=0)
        return RowLosses(first.ids, mean, first.tokens, first.groups)


def same_rows(first: RowLosses, second: RowLosses) -> bool:
    return first.ids == second.ids and np.array_equal(first.tokens, second.tokens)


def conditions(runs: Sequence[Run], replicates: str) -> list[Condition]:
    """The runs' conditions in the order of their first runs; `replicates` is the axis of repetitions."""
    groups: dict[tuple[Any, ...], list[Run]] = {}
    for run in runs:
        rest = {axis: value for axis, value in run.axes.items() if axis != replicates}
        groups.setdefault((run.label or run.name, *sorted(rest.items(), key=str)), []).append(run)
    found = []
    for key, members in groups.items():
        axes = {axis: value for axis, value in members[0].axes.items() if axis != replicates}
        found.append((str(key[0]), axes, tuple(members)))
    return [
        Condition(_name(label, members[0], replicates), label, axes, members)
        for label, axes, members in found
    ]


def _name(label: str, run: Run, replicates: str) -> str:
    """The run's name without its repetition: `mixed (rho=0.5, seed=1)` → `mixed (rho=0.5)`."""
    inside = re.fullmatch(re.escape(label) + r" \((.*)\)", run.name)
    told = inside[1] if inside else run.name if run.label else ""
    apart = [part for part in told.split(", ") if part and not part.startswith(f"{replicates}=")]
    if inside is None:
        return ", ".join(apart) or label
    return f"{label} ({', '.join(apart)})" if apart else label


def baseline_of(condition: Condition, all_of: Sequence[Condition], label: str | None) -> Condition | None:
    """The condition of that label that this one is compared with: the same on every axis the two share."""
    for other in all_of:
        shared = set(other.axes) & set(condition.axes)
        if other.label == label and all(other.axes[axis] == condition.axes[axis] for axis in shared):
            return other
    return None
