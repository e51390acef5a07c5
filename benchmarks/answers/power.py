"""The power that a pilot foretells, against how often the report's own interval finds the change."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.answers.results import Row
from benchmarks.answers.world import Pair, World
from services.metrics.intervals.losses import RowLosses
from services.metrics.reporting.conditions import Condition
from services.metrics.reporting.estimates import change
from services.metrics.reporting.power import pilot_of
from services.metrics.reporting.runs import Run

STUDIES = 400
SEEDS = 3
OWN = 120.0
EFFECTS = (0.05, 0.08, 0.12)


def rows() -> Iterator[Row]:
    for effect in EFFECTS:
        foretold, found = [], []
        for study in range(STUDIES):
            random = np.random.default_rng([study, round(1000 * effect)])
            pair = Pair.drawn(World.drawn(random), OWN, effect, random)
            sides = [_condition(name, side) for name, side in pair.runs(SEEDS, random).items()]
            moved = change(sides[1], sides[0], "loss")
            pilot = pilot_of(sides[1], sides[0])
            assert moved is not None
            assert pilot is not None
            found.append(moved.sign == 1)
            foretold.append(pilot.power(effect))
        off = float(np.mean(foretold) - np.mean(found))
        yield {
            "name": f"power, change of {effect:g}",
            "what": f"foretold by pilots of {SEEDS} seeds and 200 test rows, against how often it showed",
            "studies": STUDIES,
            "foretold": round(float(np.mean(foretold)), 4),
            "showed": round(float(np.mean(found)), 4),
            "points_off": round(100 * off, 1),
            "target": "within 5 points",
            "reached": abs(off) <= 0.05,
        }


def _condition(name: str, losses: list[RowLosses]) -> Condition:
    runs = tuple(
        Run(f"{name} {place}", losses=one, evaluation={"loss": one.loss}) for place, one in enumerate(losses)
    )
    return Condition(name, name, {}, runs)
