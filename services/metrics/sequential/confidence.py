"""Student's t at every look at once: a confidence sequence for the mean of few Gaussian numbers.

An interval of a fixed number of seeds is right once. Looked at after every seed, until it says what one
likes, it is wrong far more often than its level. A confidence sequence holds at all looks together: it is
what Ville's inequality leaves of a nonnegative martingale. Here that is Wang and Ramdas' (2023, arXiv
2310.03722), of the t-statistic with a Gaussian mixture over effect sizes: with S = Σ(x − μ), V = Σ(x − μ)²,

    G_n = √(c²/(n + c²)) · ((n + c²)·V / ((n + c²)·V − S²))^(n/2),      P(some n: G_n ≥ 1/α) ≤ α,

and the μ with G_n < 1/α are the mean ± a radius in closed form.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

PRECISION = 0.01
"""c²: the mixture is over effects of some 1/c = 10 standard deviations. Effects of data are many times the
spread over seeds, and a wide mixture decides these after the fewest seeds: four, where c² = 1 takes six."""


def sequence_radius(values: Sequence[float], alpha: float) -> float:
    """Half the width of the sequence's interval around the mean of what was seen so far; infinite while so
    few values say nothing at this level. P(the mean is ever outside) ≤ `alpha`."""
    count = len(values)
    if count < 2:
        return float("inf")
    growth = (np.sqrt((count + PRECISION) / PRECISION) / alpha) ** (2 / count)
    reached = (count + PRECISION) * (1 - 1 / growth)
    room = count - reached
    if room <= 0:
        return float("inf")
    return float(np.sqrt(np.var(values) * reached / room))
