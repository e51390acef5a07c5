"""The delete-a-group jackknife: a measure's standard error from its values without one group at a time.

For measures of richness (how many different things there are) the percentile bootstrap is wrong: a
resample repeats texts and so has fewer different n-grams, and its values centre well below the measure's
own. Leaving a group out repeats nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from services.metrics.intervals.interval import Interval, NoInterval, Spread

FEWEST_GROUPS = 4


def grouped_jackknife(
    whole: NDArray[np.float64],
    without: NDArray[np.float64],
    sizes: NDArray[np.int64],
    confidence: float = 0.95,
) -> list[Spread]:
    """Intervals for several measures at once (Busing, Meijer, van der Leeden 1999, groups of any size).

    whole      (measures,) the values of all texts
    without    (groups, measures) the values without each group; rows that are not finite are left out
    sizes      (groups,) how much each group holds; an empty one is left out

        h_j = n / m_j,   θ~_j = h_j θ - (h_j - 1) θ_(j),   θ_J = G θ - Σ (1 - m_j / n) θ_(j)
        variance = (1/G) Σ (θ~_j - θ_J)² / (h_j - 1)

    The interval is whole ± t(G - 1) · standard error. For richness the variance errs upwards (Efron and
    Stein 1981), so that the interval is on the wide side.
    """
    usable = (sizes > 0) & np.isfinite(without).all(axis=1) & (sizes < sizes.sum())
    groups = int(usable.sum())
    if groups < FEWEST_GROUPS:
        reason = f"only {groups} groups of texts can be left out, and {FEWEST_GROUPS} are needed"
        return [NoInterval(reason) for _ in whole]
    share = (sizes[usable].sum() / sizes[usable])[:, None]
    left_out = without[usable]
    pseudo = share * whole - (share - 1) * left_out
    centre = groups * whole - ((1 - 1 / share) * left_out).sum(axis=0)
    variances = ((pseudo - centre) ** 2 / (share - 1)).mean(axis=0)
    quantile = float(student.isf((1 - confidence) / 2, groups - 1))
    errors = np.sqrt(variances)
    return [
        Interval(
            value - quantile * error,
            value + quantile * error,
            confidence,
            "delete-a-group jackknife",
            error,
            replicates=groups,
        )
        for value, error in zip(whole.tolist(), errors.tolist(), strict=True)
    ]
