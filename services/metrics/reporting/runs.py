"""What a report knows of each run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from services.metrics.intervals.losses import RowLosses
from services.metrics.pictures.growth import GrowthCurve
from services.metrics.reporting.lengths import Length
from shared.contracts.measurement import EXCESS, P_VALUE, Measured, MeasuredValue
from shared.contracts.report import Design
from shared.contracts.training.held_out import Role

Number = float | int
OF_DATASET = ("rows", "tokens")


@dataclass(frozen=True)
class HeldOutRows:
    """A run on one test set: what the set is for, and each figure's value a row (`loss` by its tokens)."""

    role: Role
    figures: Mapping[str, RowLosses]
    dataset: str = ""


@dataclass(frozen=True)
class Run:
    """One line of the table, read from its artifacts: summaries for the figures, parts for the pictures."""

    name: str
    axes: Mapping[str, Any] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)
    dataset: Mapping[str, Any] = field(default_factory=dict)
    evaluation: Mapping[str, Any] = field(default_factory=dict)
    measured: Measured | None = None
    losses: RowLosses | None = None
    instruments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    label: str | None = None
    stopped: str | None = None
    design: Design | None = None
    pool: str | None = None
    length: Length | None = None
    held_out: Mapping[str, HeldOutRows] = field(default_factory=dict)
    """By test set, where the evaluation names several or has task metrics."""

    def figure(self, name: str) -> Number | None:
        """A number by its name: of the measurement, else of an instrument, of the evaluation, of the dataset,
        or of the axes. `trained_epochs` is of the training: how often it saw its rows.

        `rows` and `tokens` are the dataset's: an evaluation has its own, of the test set.
        """
        if (value := self.value(name)) is not None:
            return value.value
        if (beside := self.no_shift(name)) is not None:
            return beside
        if name == "trained_epochs":
            return None if self.length is None else self.length.epochs
        found_in = (*self.instruments.values(), self.evaluation, self.dataset, self.axes)
        for summary in (self.dataset,) if name in OF_DATASET else found_in:
            found = summary.get(name)
            if isinstance(found, int | float) and not isinstance(found, bool):
                return found
        return None

    def no_shift(self, name: str) -> float | None:
        """`NAME_excess` or `NAME_p` of a shift: beside what no shift gives."""
        for end in (EXCESS, P_VALUE):
            found = self.value(name.removesuffix(end)) if name.endswith(end) else None
            if found is not None and found.no_shift is not None:
                return found.no_shift.excess if end == EXCESS else found.no_shift.p_value
        return None

    def value(self, name: str) -> MeasuredValue | None:
        """A measured value with its interval and estimator."""
        values = self.measured.values if self.measured else []
        return next((value for value in values if value.name == name), None)

    def lengths(self) -> list[int]:
        """The length of each text, from the measurement's exact histogram; empty when it has none."""
        found: Any = self.measured.details.get("lengths") if self.measured else None
        if not found:
            return []
        pairs = zip(found["lengths"], found["texts"], strict=True)
        return [length for length, texts in pairs for _ in range(texts)]

    def growth(self) -> GrowthCurve | None:
        """The vocabulary growth curve of the measurement."""
        points: Any = self.measured.details.get("vocabulary_growth") if self.measured else None
        if not points:
            return None
        words, vocabulary = zip(*points, strict=True)
        return GrowthCurve(words, vocabulary, self.figure("heaps_k"), self.figure("heaps_beta"))
