"""Intervals of shifts: both sides are samples, and each is left out group by group (`two_sided_interval`).

Bins (of lengths, clusters, words) are fixed while groups are left out: the intervals cover the chance of
which texts were drawn, not that of where a codebook lies. Without smoothing KL may be infinite as soon as a
group is left out, and there are no intervals.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import Interval
from services.metrics.intervals.jackknife import MeasureOfTwo, two_sided_interval
from services.metrics.lexical.divergence import JointSpectrum, joint_divergence
from services.metrics.lexical.tokens import Tokens
from services.metrics.measuring.subject import Subject
from services.metrics.shift.divergence import Divergence, divergence

MOST_ROWS = 200_000
"""Rows of both sides up to which shifts get intervals."""
MOST_TOKENS = 5_000_000
"""Tokens of both sides up to which the shift of words gets one: every group is another pass over them."""

Labels = NDArray[np.int64]
OF: Mapping[str, Callable[[Divergence], float]] = {
    "kl": lambda found: found.kl,
    "kl_reverse": lambda found: found.kl_reverse,
    "js": lambda found: found.js,
}


def shift_interval(
    subject: Subject, real: int, generated: int, measure: MeasureOfTwo, least: float = 0.0
) -> Interval | None:
    """The interval of a measure of so many rows a side; None for fewer than two, or too many to repeat it."""
    if min(real, generated) < 2 or real + generated > MOST_ROWS:
        return None
    options = subject.options
    found = two_sided_interval(measure, real, generated, level=options.level, seed=options.seed)
    return found.at_least(least)


def histogram_intervals(
    subject: Subject, real: Labels, generated: Labels, smoothing: float
) -> dict[str, Interval | None]:
    """Intervals of KL, reverse KL and JS between two sets of labelled rows (bins from 0)."""
    if smoothing <= 0:
        return dict.fromkeys(OF)
    bins = int(max(real.max(initial=0), generated.max(initial=0))) + 1

    def measure(of: Callable[[Divergence], float]) -> MeasureOfTwo:
        def measured(kept: Labels, also: Labels) -> float:
            counts = (np.bincount(side, minlength=bins) for side in (real[kept], generated[also]))
            return of(divergence(*counts, smoothing=smoothing))

        return measured

    return {name: shift_interval(subject, len(real), len(generated), measure(of)) for name, of in OF.items()}


def word_intervals(subject: Subject, smoothing: float) -> tuple[Interval | None, Interval | None]:
    """Intervals of KL and of JS between the words of both sides, texts being what is left out."""
    if smoothing <= 0 or subject.size + subject.reference_lengths.total > MOST_TOKENS:
        return None, None
    real = Tokens.of(subject.required_reference.texts, subject.options.tokenizer)
    if not len(real.hashes) or not len(subject.tokens.hashes):
        return None, None

    def measure(which: str) -> MeasureOfTwo:
        def measured(kept: Labels, also: Labels) -> float:
            joint = JointSpectrum.of_tokens(real.take(kept), subject.tokens.take(also), 1)
            found = joint_divergence(joint, 1, smoothing=smoothing, base=math.e)
            return (found.kl if which == "kl" else found.js).value or 0.0

        return measured

    rows = len(real), len(subject.tokens)
    return shift_interval(subject, *rows, measure("kl")), shift_interval(subject, *rows, measure("js"))
