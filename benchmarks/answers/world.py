"""A world to study: 20,000 test rows, of which a study sees 200, each with a learning curve of its own.

Row i of t_i tokens has the loss e_i + a_i·n^(−α_i) a token after training on n real rows. The exponents
differ, so the corpus follows no power law exactly, and what the law misses is in the figures. A training adds
chance: a shift of all rows, and one of each row. Losses go as those of the bundled stories do (from 5.7 at 60
real rows to 4.4 at 240).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.losses import RowLosses, difference_interval

POPULATION = 20_000
TEST_ROWS = 200
SPREAD = 0.02
ROW_SPREAD = 0.15
UNEVEN = 0.2
EVERY = slice(None)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    floors: Floats
    scales: Floats
    exponents: Floats
    tokens: Floats

    @classmethod
    def drawn(cls, random: np.random.Generator) -> World:
        return cls(
            floors=np.clip(random.normal(1.5, 0.5, POPULATION), 0.1, None),
            scales=np.exp(random.normal(2.6, 0.35, POPULATION)),
            exponents=np.clip(random.normal(0.3, 0.04, POPULATION), 0.1, None),
            tokens=random.integers(12, 40, POPULATION).astype(np.float64),
        )

    def test_rows(self, random: np.random.Generator) -> NDArray[np.int64]:
        return random.choice(POPULATION, TEST_ROWS, replace=False)

    def loss(self, rows: float) -> float:
        """Expected of a model trained on so many real rows, over the whole population."""
        return float((self._losses(rows) * self.tokens).sum() / self.tokens.sum())

    def trained(self, rows: float, test: NDArray[np.int64], random: np.random.Generator) -> RowLosses:
        """The test rows' losses of one model trained on what is as good as so many real rows."""
        chance = random.normal(0, SPREAD) + random.normal(0, ROW_SPREAD, len(test))
        losses = (self._losses(rows, test) + chance) * self.tokens[test]
        return RowLosses(tuple(map(str, test)), losses, self.tokens[test])

    def _losses(self, rows: float, of: NDArray[np.int64] | slice = EVERY) -> Floats:
        return np.asarray(self.floors[of] + self.scales[of] * rows ** -self.exponents[of])


@dataclass(frozen=True)
class Pair:
    """Two conditions of one world, on one test set. The second one's expected loss is `effect` higher, on
    some rows more than on others (`uneven`, the same at every seed)."""

    world: World
    rows: float
    test: NDArray[np.int64]
    uneven: Floats

    @classmethod
    def drawn(cls, world: World, rows: float, effect: float, random: np.random.Generator) -> Pair:
        everywhere = random.normal(0, UNEVEN, POPULATION)
        everywhere += effect - float((everywhere * world.tokens).sum() / world.tokens.sum())
        test = world.test_rows(random)
        return cls(world, rows, test, everywhere[test])

    def runs(self, seeds: int, random: np.random.Generator) -> dict[str, list[RowLosses]]:
        plain = [self.world.trained(self.rows, self.test, random) for _ in range(seeds)]
        moved = [self.world.trained(self.rows, self.test, random) for _ in range(seeds)]
        return {
            "plain": plain,
            "moved": [replace(run, nll=run.nll + self.uneven * run.tokens) for run in moved],
        }

    def seeds(self, count: int, random: np.random.Generator) -> tuple[list[float], list[float]]:
        """Changes seed by seed, and after each the standard error of their mean over test rows."""
        runs = self.runs(count, random)
        pairs = list(zip(runs["moved"], runs["plain"], strict=True))
        errors = []
        for seen in range(1, count + 1):
            moved, plain = (
                replace(side[0], nll=np.mean([run.nll for run in side], axis=0))
                for side in zip(*pairs[:seen], strict=True)
            )
            errors.append(difference_interval(moved, plain).standard_error)
        return [moved.loss - plain.loss for moved, plain in pairs], errors
