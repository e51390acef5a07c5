"""Variances of independent sources added up, with Welch and Satterthwaite's degrees of freedom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class VariancePart(NamedTuple):
    """One source's variance of the estimate, and the degrees of freedom that it is known with."""

    variance: float
    freedom: float


def combined(parts: Sequence[VariancePart]) -> VariancePart:
    """Σ v, with (Σ v)² / Σ (v²/ν) degrees of freedom; of no variance the fewest of any part."""
    variance = sum(part.variance for part in parts)
    if variance == 0:
        return VariancePart(0.0, min(part.freedom for part in parts))
    squares = sum(part.variance**2 / part.freedom for part in parts if part.variance)
    return VariancePart(variance, variance**2 / squares)
