"""Intervals of shifts: both sides are samples, and each is left out group by group (`two_sided_interval`).

Bins (of lengths, clusters, words) are fixed while groups are left out: the intervals cover the chance of
which texts were drawn, not that of where a codebook lies. Without smoothing KL may be infinite as soon as a
group is left out, and there are no intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.intervals.jackknife import MeasureOfTwo, delete_one_interval, two_sided_interval
from services.metrics.lexical.measures.divergence import JointSpectrum, joint_divergence
from services.metrics.measuring.subject import Subject
from services.metrics.shift.divergence import SMOOTHING, Divergence, divergence
from services.metrics.shift.mauve import Mauve, area_under, curve_of_labels
from services.metrics.shift.mmd import MeanDiscrepancy

MOST_ROWS = 200_000
"""Rows of both sides up to which shifts get intervals."""
MOST_TOKENS = 5_000_000
"""Tokens of both sides up to which the shift of words gets one: every group is another pass over them."""

UNSMOOTHED = NoInterval("without smoothing KL may be infinite as soon as a text is left out")
FIXED_BINS = "of these bins: where other texts would have put them is not covered"
Labels = NDArray[np.int64]
OF: Mapping[str, Callable[[Divergence], float]] = {
    "kl": lambda found: found.kl,
    "kl_reverse": lambda found: found.kl_reverse,
    "js": lambda found: found.js,
}


def shift_interval(
    subject: Subject, real: int, generated: int, measure: MeasureOfTwo, least: float = 0.0
) -> Spread:
    """The interval of a measure of so many rows a side; none for fewer than two, or too many to repeat it."""
    if min(real, generated) < 2:
        return NoInterval("an interval of a shift needs 2 rows a side")
    if real + generated > MOST_ROWS:
        return NoInterval(f"above {MOST_ROWS:,} rows of both sides there is no interval")
    options = subject.options
    found = two_sided_interval(measure, real, generated, level=options.level, seed=options.seed)
    return found.at_least(least)


def histogram_intervals(
    subject: Subject, real: Labels, generated: Labels, smoothing: float
) -> dict[str, Spread]:
    """Intervals of KL, reverse KL and JS between two sets of labelled rows (bins from 0)."""
    if smoothing <= 0:
        return dict.fromkeys(OF, UNSMOOTHED)
    bins = int(max(real.max(initial=0), generated.max(initial=0))) + 1

    def measure(of: Callable[[Divergence], float]) -> MeasureOfTwo:
        def measured(kept: Labels, also: Labels) -> float:
            counts = (np.bincount(side, minlength=bins) for side in (real[kept], generated[also]))
            return of(divergence(*counts, smoothing=smoothing))

        return measured

    return {name: shift_interval(subject, len(real), len(generated), measure(of)) for name, of in OF.items()}


def mauve_interval(subject: Subject, found: Mauve) -> Spread:
    """The interval of MAUVE over the clusters that were fitted, by the histograms of what is left."""

    def measured(kept: Labels, also: Labels) -> float:
        real, generated = found.real_labels[kept], found.generated_labels[also]
        return area_under(curve_of_labels(real, generated, found.clusters))

    rows = len(found.real_labels), len(found.generated_labels)
    interval = shift_interval(subject, *rows, measured)
    if isinstance(interval, NoInterval):
        return interval
    return interval.within(0, 1).noting(FIXED_BINS)


def mmd_interval(subject: Subject, found: MeanDiscrepancy) -> Spread:
    """The interval of MMD² by leaving out each row used, the kernel's width as it is.

    Under no shift the first order vanishes and the interval is too wide: there the p-value says more.
    """
    sides = found.without_real, found.without_generated
    if not all(len(side) for side in sides):
        return NoInterval("an interval of MMD needs 3 rows a side")
    # Unbiased as it is: what the jackknife would say of a bias is rounding.
    interval = delete_one_interval(found.squared, *sides, level=subject.options.level)
    return replace(interval, bias=None)


def word_intervals(subject: Subject, smoothing: float) -> tuple[Spread, Spread]:
    """Intervals of KL and of JS between the words of both sides, texts being what is left out."""
    if smoothing <= 0:
        return UNSMOOTHED, UNSMOOTHED
    return word_interval(subject, "kl", 1, smoothing), word_interval(subject, "js", 1, smoothing)


def word_interval(
    subject: Subject, which: Literal["kl", "js"], order: int, smoothing: float = SMOOTHING
) -> Spread:
    """The interval of one divergence between the runs of `order` words of both sides."""
    if subject.size + subject.reference_lengths.total > MOST_TOKENS:
        return NoInterval(f"above {MOST_TOKENS:,} tokens of both sides there is no interval")
    real = subject.reference_tokens
    if not len(real.hashes) or not len(subject.tokens.hashes):
        return NoInterval("one side holds no tokens")

    def measured(kept: Labels, also: Labels) -> float:
        joint = JointSpectrum.of_tokens(real.take(kept), subject.tokens.take(also), order)
        found = joint_divergence(joint, order, smoothing=smoothing, base=math.e)
        return (found.kl if which == "kl" else found.js).value or 0.0

    return shift_interval(subject, len(real), len(subject.tokens), measured)
