"""A shift measured again of some of its rows and of relabelled ones: its interval, and what no shift looks
like.

The jackknife's variance of a measure that is a sum of a first-order and a second-order part (Hoeffding 1948)
holds the second one twice (Efron and Stein 1981), and relabelled sides, where the first vanishes, show how
large it is. So

    Var = jackknife − Var(relabelled),   at least Var(relabelled)

is the jackknife's where there is a shift, and that of relabelled rows where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, NoInterval, Spread, normal_quantile
from services.metrics.intervals.jackknife import FEWEST
from services.metrics.shift.sides import Labels, Relabelled, Sides

Floats = NDArray[np.float64]
Shifts = Callable[[Labels, Labels], Mapping[str, Floats]]
"""Shifts by name between the rows that each column of the first says are real and those that the second says
are generated; both (rows, columns), values (columns,)."""

DRAWS = 5
"""Cuts of the larger side, of which the value at equal size is the mean."""
UNEQUAL = 1.1
"""From this ratio on sides are told to be of different size."""
FEWEST_LABELLINGS = 19
"""Relabellings below which no percentile could be told."""


@dataclass(frozen=True)
class NoShiftSeen:
    """What a shift is when the labels of rows say nothing, and how far the value lies beyond.

    `limit` is the value that 95 % of relabellings do not go beyond; `excess` is the value less the `median`,
    with its interval. `p_value` is (1 + relabellings that reach the value) / (1 + relabellings).
    """

    median: float
    limit: float
    excess: float
    low: float
    high: float
    p_value: float
    relabellings: int
    by: Relabelled
    seed: int


@dataclass(frozen=True)
class Replicates:
    """A family of shifts of one pair of sides, by name: without each group, of relabelled rows, at equal
    size."""

    sides: Sides
    without: Mapping[str, Sequence[Floats]]
    relabelled: Mapping[str, Floats]
    equal: Mapping[str, float]
    level: float
    seed: int

    @classmethod
    def of(cls, shifts: Shifts, sides: Sides, *, relabellings: int, level: float, seed: int) -> Replicates:
        """Every replicate in one call of `shifts`."""
        normal_quantile(level)
        random = np.random.default_rng([seed, 5])
        kept, samples = sides.left_out(seed) if _enough(sides) else (np.ones((len(sides), 0), np.bool_), ())
        cuts = sides.cut(DRAWS if unequal(sides) else 0, seed)
        labels = sides.relabelled(relabellings, random)
        own = sides.generated[:, None]
        real = np.concatenate([kept & ~own, cuts & ~own, ~labels], axis=1)
        generated = np.concatenate([kept & own, cuts & own, labels], axis=1)
        found = shifts(real, generated)
        ends = [*np.cumsum(samples).tolist(), kept.shape[1] + cuts.shape[1]]
        parts = {name: np.split(values, ends) for name, values in found.items()}
        return cls(
            sides,
            {name: part[: len(samples)] for name, part in parts.items()},
            {name: part[-1] for name, part in parts.items()},
            {name: float(part[-2].mean()) for name, part in parts.items() if cuts.shape[1]},
            level,
            seed,
        )

    def interval(self, name: str, value: float, least: float = 0.0, most: float = np.inf) -> Spread:
        """The interval of the value, within the measure's range."""
        samples = self.without[name]
        if not samples:
            return NoInterval(f"an interval of a shift needs {FEWEST} draws a side")
        if not all(np.isfinite(sample).all() for sample in samples):
            return NoInterval("it may be infinite as soon as a text is left out")
        variance, bias = jackknife_variance(value, samples)
        spread = self.relabelled[name]
        if len(spread) >= FEWEST_LABELLINGS and np.isfinite(spread).all():
            variance = max(variance - float(spread.var()), float(spread.var()))
        groups = min(len(sample) for sample in samples)
        error = float(np.sqrt(variance))
        half = float(student.isf((1 - self.level) / 2, groups - 1)) * error
        return Interval(
            value - half,
            value + half,
            self.level,
            "jackknife",
            error,
            replicates=groups,
            seed=self.seed,
            bias=bias,
        ).within(least, most)

    def no_shift(
        self, name: str, value: float, interval: Spread, *, falls: bool = False
    ) -> NoShiftSeen | None:
        """What no shift looks like at this size; None where too few relabellings are known. A measure that
        `falls` is smaller the larger the shift."""
        return seen(
            value, self.relabelled[name], interval, level=self.level, by=self.sides.relabelled_by,
            seed=self.seed, falls=falls,
        )  # fmt: skip


def seen(
    value: float,
    relabelled: Floats,
    interval: Spread,
    *,
    level: float,
    by: Relabelled,
    seed: int,
    falls: bool = False,
) -> NoShiftSeen | None:
    """The value beside those of relabelled rows. The interval of the excess is no narrower than the value's
    own, nor than what relabelled rows alone vary by."""
    if len(relabelled) < FEWEST_LABELLINGS or not np.isfinite(relabelled).all() or not np.isfinite(value):
        return None
    median = float(np.median(relabelled))
    tail = (1 - level) / 2
    below, above = (float(at) for at in np.quantile(relabelled, [tail, 1 - tail]))
    left, right = above - median, median - below
    if isinstance(interval, Interval):
        left, right = max(left, value - interval.low), max(right, interval.high - value)
    # Relabellings that are the same sides again tie exactly, but for rounding.
    slack = 1e-12 + 1e-9 * abs(value)
    reached = (relabelled <= value + slack) if falls else (relabelled >= value - slack)
    return NoShiftSeen(
        median=median,
        limit=float(np.quantile(relabelled, 0.05 if falls else 0.95)),
        excess=value - median,
        low=value - median - left,
        high=value - median + right,
        p_value=(1 + int(reached.sum())) / (1 + len(relabelled)),
        relabellings=len(relabelled),
        by=by,
        seed=seed,
    )


def jackknife_variance(value: float, samples: Sequence[Floats]) -> tuple[float, float]:
    """se² = Σ (g − 1)/g Σ (θ₍ᵢ₎ − θ̄)² and bias = Σ (g − 1)(θ̄ − θ) over samples of g replicates."""
    variance = bias = 0.0
    for without in samples:
        groups = len(without)
        variance += (groups - 1) / groups * float(np.square(without - without.mean()).sum())
        bias += (groups - 1) * float(without.mean() - value)
    return variance, bias


def unequal(sides: Sides) -> bool:
    """Whether one side is larger by a tenth or more."""
    return bool(max(sides.sizes) >= UNEQUAL * min(sides.sizes))


def _enough(sides: Sides) -> bool:
    """Whether there are draws enough on each side to leave some out."""
    unit = sides.units.of
    return all(len(np.unique(unit[side])) >= FEWEST for side in (sides.generated, ~sides.generated))
