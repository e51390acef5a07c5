"""The learning curve of real rows: test loss against how many were trained on.

Two families. The power law L(n) = E + A·n^(−α) with E, A ≥ 0 (Hestness et al. 2017, arXiv 1712.00409) knows
what lies beyond the sizes that were tried. The monotone curve (isotonic regression, straight between the
sizes over log n) assumes no law and says nothing beyond them. Which describes a study is decided by
predicting each inner size from the others.

All draws of an interval are fitted at once: for a given α the law is linear in E and A, so both are solved
for in closed form on a grid of α (variable projection, Golub and Pereyra 1973), for every draw together.
`tests/unit/services/metrics/exchange/test_curves.py` holds it to SciPy's curve_fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]
Family = Literal["power_law", "monotone"]
EXPONENTS = np.geomspace(0.03, 3.0, 400)
"""Of neural models α lies between 0.07 and 0.35 in pretraining (Hestness et al.); fine-tuning of small models
is steeper."""
PARAMETERS = 3
"""Of the power law."""
FEWEST_FOR_A_CHOICE = 5
"""Sizes from which two families can be told apart by leaving inner ones out."""


class Curves(Protocol):
    """One fitted curve for each draw."""

    def losses(self, rows: float) -> Floats:
        """Each draw's loss at that many rows."""

    def rows(self, losses: Floats) -> Floats:
        """For each draw the rows at which its curve reaches its loss; infinite where it never does."""


@dataclass(frozen=True)
class PowerLaws:
    """E, A and α of each draw; `unit` is the size at which A is the loss above E."""

    floor: Floats
    scale: Floats
    exponent: Floats
    unit: float

    def losses(self, rows: float) -> Floats:
        return self.floor + self.scale * (rows / self.unit) ** -self.exponent

    def rows(self, losses: Floats) -> Floats:
        above = losses - self.floor
        reached = (above > 0) & (self.scale > 0)
        found = np.where(above > 0, 0.0, np.inf)  # of a flat curve, worse than which is no row at all
        with np.errstate(over="ignore"):
            found[reached] = self.unit * (self.scale[reached] / above[reached]) ** (
                1 / self.exponent[reached]
            )
        return found


@dataclass(frozen=True)
class Monotones:
    """Each draw's falling losses at the sizes; between two sizes it is straight over log n."""

    sizes: Floats
    heights: Floats

    def losses(self, rows: float) -> Floats:
        at = np.log(rows)
        return np.asarray([np.interp(at, np.log(self.sizes), heights) for heights in self.heights])

    def rows(self, losses: Floats) -> Floats:
        return np.asarray(
            [self._reached(loss, heights) for loss, heights in zip(losses, self.heights, strict=True)]
        )

    def _reached(self, loss: float, heights: Floats) -> float:
        """The fewest rows with that loss: a stretch on which more rows do nothing counts once."""
        if loss < heights[-1]:
            return np.inf
        if loss >= heights[0]:
            return float(self.sizes[0])
        place = int(np.argmax(heights <= loss))
        share = (heights[place - 1] - loss) / (heights[place - 1] - heights[place])
        low, high = np.log(self.sizes[place - 1]), np.log(self.sizes[place])
        return float(np.exp(low + share * (high - low)))


def fit(family: Family, sizes: Floats, losses: Floats, weights: Floats) -> Curves:
    """A curve for each draw. `losses` has a row a draw and a column a size; `weights` are the sizes'."""
    return (
        fit_power_laws(sizes, losses, weights)
        if family == "power_law"
        else fit_monotones(sizes, losses, weights)
    )


def fit_power_laws(sizes: Floats, losses: Floats, weights: Floats) -> PowerLaws:
    """Weighted least squares of E + A·n^(−α), E and A not below zero, for each row of `losses`."""
    unit = float(np.exp(np.log(sizes).mean()))
    share = weights / weights.sum()
    best = np.full(len(losses), np.inf)
    floor, scale, exponent = (np.zeros(len(losses)) for _ in range(3))
    mean = losses @ share
    for alpha in EXPONENTS:
        x = (sizes / unit) ** -alpha
        slope = np.clip((losses @ (share * (x - x @ share))) / (share @ (x - x @ share) ** 2), 0, None)
        level = mean - slope * (x @ share)
        through_zero = np.clip((losses @ (share * x)) / (share @ x**2), 0, None)
        slope = np.where(level < 0, through_zero, slope)
        level = np.where(level < 0, 0.0, level)
        error = ((losses - level[:, None] - slope[:, None] * x) ** 2) @ share
        better = error < best
        best[better] = error[better]
        floor[better], scale[better], exponent[better] = level[better], slope[better], alpha
    return PowerLaws(floor, scale, exponent, unit)


def fit_monotones(sizes: Floats, losses: Floats, weights: Floats) -> Monotones:
    """Isotonic regression of each row of `losses`, falling with the size."""
    order = np.argsort(sizes)
    distinct, place = np.unique(sizes[order], return_inverse=True)
    fitted = []
    for row in losses:
        falling = isotonic_regression(row[order], weights=weights[order], increasing=False).x
        heights = np.empty(len(distinct))
        heights[place] = falling
        fitted.append(heights)
    return Monotones(distinct, np.asarray(fitted))


def choose_family(sizes: Floats, losses: Floats, weights: Floats) -> Family:
    """The family that predicts each inner size better from the others; the power law where they cannot be
    told apart."""
    inner = sorted(set(sizes))[1:-1]
    if len(inner) < FEWEST_FOR_A_CHOICE - 2:
        return "power_law"
    families: tuple[Family, ...] = get_args(Family)
    return min(
        families, key=lambda family: sum(_missed(family, size, sizes, losses, weights) for size in inner)
    )


def _missed(family: Family, size: float, sizes: Floats, losses: Floats, weights: Floats) -> float:
    """The squared error at the size that was left out."""
    kept = sizes != size
    curve = fit(family, sizes[kept], losses[None, kept], weights[kept])
    return float((losses[~kept].mean() - curve.losses(size)[0]) ** 2)
