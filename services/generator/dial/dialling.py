"""Rounds of making and measuring until the dataset has the wanted diversity, or plainly cannot.

A setting is tried on a few rows first. Measures move with the number of rows (Distinct-n falls, Vendi
rises), so a probe's value is carried to the full size by the power law that its own two halves show, and by
the ratio that earlier full datasets had to their predictions. Only a promising setting is made in full; what
its candidates have in common with those made before is not paid for again (see `topics.turns`).

The dial does not promise what it has not measured: it ends with a full dataset whose measured value is
within the tolerance and whose shift is within the budget, or with the closest one and the reason.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from services.generator.dial.search import KnobRange, OutOfReach, propose
from shared.contracts.generation.results import DialRound, DialSummary

PROBES_A_ROUND = 6
CLOSE_ENOUGH = 0.5
"""A prediction within this share of the tolerance is worth a full dataset."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Measured on some rows: the target metric, and the shift when there is a budget for it."""

    value: float
    shift: float | None = None


def most_evaluations(max_rounds: int, *, rises: bool | None) -> int:
    """Datasets that are made and measured at most, probes among them: two more where it has to be found out
    first whether the value `rises` with the setting."""
    return max_rounds + (2 if rises is None else 0)


Evaluate = Callable[[int, int, int], Awaitable[list[Reading]]]
"""(setting, rows, parts) → readings of the first 1/parts, 2/parts, … and of all of so many rows."""


@dataclass(frozen=True, slots=True)
class Aim:
    """The target. `shift_at_most` is the budget, None when there is none."""

    value: float
    tolerance: float
    shift_at_most: float | None = None

    def hit(self, reading: Reading) -> bool:
        return abs(reading.value - self.value) <= self.tolerance and self.affordable(reading)

    def affordable(self, reading: Reading) -> bool:
        return self.shift_at_most is None or (reading.shift or 0.0) <= self.shift_at_most


@dataclass(frozen=True)
class Dialled:
    """How it ended: `setting` is the full dataset to keep, `missed` why it is not what was asked for ("":
    it is)."""

    setting: int
    reading: Reading
    missed: str
    rounds: list[DialRound] = field(default_factory=list)

    def summary(self) -> DialSummary:
        return DialSummary(
            setting=self.setting,
            value=self.reading.value,
            shift=self.reading.shift,
            reached=not self.missed,
            missed=self.missed,
            rounds=self.rounds,
        )


class Dial:
    """`max_rounds` bounds full datasets and probes together."""

    def __init__(self, space: KnobRange, aim: Aim, *, rows: int, probe_rows: int, max_rounds: int) -> None:
        self._space = space
        self._aim = aim
        self._rows = rows
        self._probe_rows = probe_rows
        self._left = max_rounds
        self._predicted: dict[int, float] = {}
        self._full: dict[int, Reading] = {}
        self._correction = 1.0
        self.rounds: list[DialRound] = []

    async def run(self, evaluate: Evaluate) -> Dialled:
        while True:
            found = await self._next_full(evaluate)
            if isinstance(found, str):
                return self._closest(found)
            reading = await self._make(found, evaluate)
            if self._aim.hit(reading):
                return Dialled(found, reading, "", self.rounds)
            if abs(reading.value - self._aim.value) <= self._aim.tolerance:
                return self._closest(self._too_far_from_real(found, reading))

    async def _next_full(self, evaluate: Evaluate) -> int | str:
        """The next setting worth a full dataset; a reason when there is none."""
        for _ in range(PROBES_A_ROUND):
            known = self._known()
            setting = propose(self._space, known, self._aim.value)
            if self._left <= 0:
                return "the rounds are used up: allow more, or a wider tolerance"
            if not isinstance(setting, int):
                return self._last_resort(setting, known)
            if not self._probing or self._left == 1:
                return setting
            await self._probe(setting, evaluate)
            near = abs(self._known()[setting] - self._aim.value)
            if near <= CLOSE_ENOUGH * self._aim.tolerance:
                return setting
        return self._nearest_unmade()

    def _nearest_unmade(self) -> int:
        known = self._known()
        unmade = known.keys() - self._full.keys()
        return min(unmade, key=lambda setting: abs(known[setting] - self._aim.value))

    def _last_resort(self, side: OutOfReach | None, known: dict[int, float]) -> int | str:
        """When no setting is left to try: the setting whose value is nearest to the target, to be made in
        full, if that value is only predicted so far; if it was measured, the reason why the target cannot be
        had."""
        nearest = min(known, key=lambda setting: abs(known[setting] - self._aim.value))
        if nearest not in self._full:
            return nearest
        if side is None:
            return "no setting lies between the ones tried: the knob is too coarse for this tolerance"
        end = self._space.high if (side is OutOfReach.ABOVE) == self._space.rises else self._space.low
        return f"even at its end, {end}, the knob gives {known[end]:.4g}"

    @property
    def _probing(self) -> bool:
        return self._rows > 2 * self._probe_rows

    def _known(self) -> dict[int, float]:
        """Values at full size by setting: measured where made, predicted elsewhere."""
        predicted = {setting: value * self._correction for setting, value in self._predicted.items()}
        return predicted | {setting: reading.value for setting, reading in self._full.items()}

    async def _probe(self, setting: int, evaluate: Evaluate) -> None:
        self._left -= 1
        half, whole = await evaluate(setting, self._probe_rows, 2)
        growth = math.log2(whole.value / half.value) if half.value > 0 and whole.value > 0 else 0.0
        predicted = whole.value * (self._rows / self._probe_rows) ** growth
        self._predicted[setting] = predicted
        promised = predicted * self._correction
        self._note(setting, self._probe_rows, whole, promised)

    async def _make(self, setting: int, evaluate: Evaluate) -> Reading:
        self._left -= 1
        [reading] = await evaluate(setting, self._rows, 1)
        self._full[setting] = reading
        self._note(setting, self._rows, reading, None)
        if self._predicted.get(setting):
            self._correction = reading.value / self._predicted[setting]
        return reading

    def _note(self, setting: int, rows: int, reading: Reading, predicted: float | None) -> None:
        self.rounds.append(
            DialRound(
                setting=setting, rows=rows, value=reading.value, predicted=predicted, shift=reading.shift
            )
        )

    def _too_far_from_real(self, setting: int, reading: Reading) -> str:
        return (
            f"the value is reached at {setting}, but the shift there is {reading.shift:.4g}, "
            f"above the budget of {self._aim.shift_at_most:g}"
        )

    def _closest(self, why: str) -> Dialled:
        """The affordable full dataset nearest the target; any, when none is affordable."""
        affordable = {s: r for s, r in self._full.items() if self._aim.affordable(r)} or self._full
        setting = min(affordable, key=lambda s: abs(affordable[s].value - self._aim.value))
        return Dialled(setting, affordable[setting], why, self.rounds)
