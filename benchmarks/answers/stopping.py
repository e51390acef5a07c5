"""Studies that end themselves: false claims over all looks where nothing differs, and trainings saved where
something does."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.answers.results import Row
from benchmarks.answers.world import Pair, World
from services.metrics.sequential.stopping import first_decided

STUDIES = 400
MOST_SEEDS = 12
MATTERS = 0.05
OWN = 120.0
EFFECTS = (0.0, -0.02, -0.1, -0.2, -0.5, 0.2)


def rows() -> Iterator[Row]:
    for effect in EFFECTS:
        looks = []
        for study in range(STUDIES):
            random = np.random.default_rng([study, round(1000 * (effect + 1))])
            pair = Pair.drawn(World.drawn(random), OWN, effect, random)
            changes, errors = pair.seeds(MOST_SEEDS, random)
            looks.append(first_decided(changes, errors, MATTERS))
        said = {
            name: sum(look.decided == name for look in looks) / STUDIES
            for name in ("better", "worse", "equivalent", "undecided")
        }
        wrong = _wrong(effect, said)
        used = [look.seeds for look in looks]
        yield {
            "name": f"stopping, change of {effect:+g}",
            "what": f"looked at after each of up to {MOST_SEEDS} seeds; {MATTERS:g} matters",
            "studies": STUDIES,
            **{name: round(share, 4) for name, share in said.items()},
            "false_claims": round(wrong, 4),
            "median_seeds": float(np.median(used)),
            "fixed_plan_seeds": MOST_SEEDS,
            "trainings_saved": round(1 - float(np.mean(used)) / MOST_SEEDS, 3),
            "target": "false claims over all looks in at most 5 %",
            "reached": wrong <= 0.05,
        }


def _wrong(effect: float, said: dict[str, float]) -> float:
    claims = said["worse"] if effect < 0 else said["better"] if effect > 0 else said["better"] + said["worse"]
    return claims + (said["equivalent"] if abs(effect) >= MATTERS else 0.0)
