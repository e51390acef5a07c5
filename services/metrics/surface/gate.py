"""Whether merged adapters rank mixtures as trainings do, and which mixture to take then.

A few of the mixtures are trained for real. Where the merged models rank those as the trainings do, beyond
chance, the merged ones are believed about all mixtures: *the surface stands*. Where they do not, it is
*refused*, and the best of those that were trained is taken. Ranks are compared by Spearman's correlation; its
p-value is of the one-sided permutation test over all pairings (drawn, where there are too many), which is
exact for few mixtures. Fewer than five are not asked: of four, only the very same order is below 5 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import permutation_test, rankdata

FEWEST = 5
LEVEL = 0.05
DRAWS = 9999

Gate = Literal["stands", "refused", "unchecked"]


@dataclass(frozen=True)
class SurfacePoint:
    """A mixture: the loss of its merged model and, where it was trained, that one's (its mean over seeds)."""

    name: str
    merged: float
    trained: float | None = None


@dataclass(frozen=True)
class Judgement:
    """`correlation` and `p` are None where too few were trained, or all came out the same. `regret` is how
    much worse the trained mixture that the merged models rank first is than the best trained one."""

    gate: Gate
    chosen: str
    correlation: float | None
    p: float | None
    regret: float | None


def judge(points: Sequence[SurfacePoint], *, seed: int = 0) -> Judgement:
    """The gate's verdict, and the mixture to take: by the merged losses where the surface stands, by the
    trained ones where it does not, and by the merged ones, unchecked, where none was trained."""
    tried = [point for point in points if point.trained is not None]
    correlation, p = agreement(tried, seed=seed)
    if p is not None and p <= LEVEL:
        gate: Gate = "stands"
    else:
        gate = "refused" if len(tried) >= FEWEST else "unchecked"
    believed = gate == "stands" or not tried
    best = min(points, key=_merged) if believed else min(tried, key=_trained)
    regret = _trained(min(tried, key=_merged)) - _trained(min(tried, key=_trained)) if tried else None
    return Judgement(gate, best.name, correlation, p, regret)


def agreement(tried: Sequence[SurfacePoint], *, seed: int) -> tuple[float | None, float | None]:
    """Spearman's correlation of merged and trained losses, and how likely chance alone gives one as high."""
    if len(tried) < FEWEST:
        return None, None
    merged, trained = (rankdata([value(point) for point in tried]) for value in (_merged, _trained))
    if np.ptp(merged) == 0 or np.ptp(trained) == 0:
        return None, None
    found = permutation_test(
        (merged,),
        lambda ranks: float(np.corrcoef(ranks, trained)[0, 1]),
        permutation_type="pairings",
        alternative="greater",
        n_resamples=DRAWS,
        rng=np.random.default_rng(seed),
    )
    return float(found.statistic), float(found.pvalue)


def _merged(point: SurfacePoint) -> float:
    return point.merged


def _trained(point: SurfacePoint) -> float:
    assert point.trained is not None
    return point.trained
