"""KL and Jensen–Shannon divergence between two histograms over the same bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from services.metrics.problems import Unmeasurable, require_rows

SMOOTHING = 0.5
"""Added to every bin before KL (the Jeffreys prior of a multinomial): without it KL is infinite as soon as
the generated data misses one bin."""


@dataclass(frozen=True)
class Divergence:
    """Divergences in nats. KL is smoothed, JS is not (it is finite without, and at most ln 2)."""

    kl: float
    """KL(real ‖ generated): large when generated data misses what real data holds."""
    kl_reverse: float
    """KL(generated ‖ real): large when generated data holds what real data does not."""
    js: float
    bins: int
    smoothing: float


def divergence(
    real: Sequence[int] | NDArray[Any],
    generated: Sequence[int] | NDArray[Any],
    *,
    smoothing: float = SMOOTHING,
) -> Divergence:
    """Divergences of two count vectors over the same bins.

        KL(p ‖ q) = Σ p ln(p/q),  p = (c + s)/(Σc + s·B) over the B bins that either side occupies
        JS(p, q)  = ½ KL(p ‖ m) + ½ KL(q ‖ m),  m = ½(p + q),  p and q unsmoothed

    Without smoothing KL is infinite where the second side misses a bin of the first. Bins that both sides
    leave empty are dropped first, so that a finer codebook alone changes nothing.
    Raises Unmeasurable for an empty side, vectors of different lengths, or negative smoothing.
    """
    p, q = np.asarray(real, dtype=np.float64), np.asarray(generated, dtype=np.float64)
    if p.shape != q.shape or p.ndim != 1:
        raise Unmeasurable(
            "bin_mismatch", f"Histograms over {p.shape} and {q.shape} bins cannot be compared."
        )
    if smoothing < 0:
        raise Unmeasurable(
            "bad_smoothing", f"Smoothing adds to counts: {smoothing} is negative.", field="smoothing"
        )
    require_rows(int(p.sum()), 1, "The divergence from a reference")
    require_rows(int(q.sum()), 1, "The divergence")
    occupied = (p + q) > 0
    p, q = p[occupied], q[occupied]
    kl, reverse = _kl(p + smoothing, q + smoothing), _kl(q + smoothing, p + smoothing)
    return Divergence(kl=kl, kl_reverse=reverse, js=_js(p, q), bins=int(occupied.sum()), smoothing=smoothing)


def _kl(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    return max(0.0, float(rel_entr(p / p.sum(), q / q.sum()).sum()))


def _js(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    return max(0.0, float(rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2)
