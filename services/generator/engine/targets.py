"""Which model answers a candidate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from services.generator.calls.target import Target
from services.generator.engine.chance import Chance


class Targets:
    """Draws a candidate's target by weight."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.all = list(targets)
        self._bounds = list(accumulate(target.weight for target in targets))

    def draw(self, chance: Chance) -> Target:
        if len(self.all) == 1:
            return self.all[0]
        return chance.weighted(self.all, self._bounds)
