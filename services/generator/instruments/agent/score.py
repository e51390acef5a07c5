"""The Cluster-agent's score and its interval.

C (the paper), eq.: D = (1/N) Σ C_i / S_i, with C_i clusters of S_i samples each. For clusters of unequal
size S is left open; ours is the mean size of the valid clusters. A run without a valid cluster scores 0. The
interval is the normal one of the mean, z · s / √N: runs are independent draws. It is looked at after every
run, which makes an early stop slightly optimistic (a sequential look); `min_runs` keeps that small.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95


def run_score(sizes: Sequence[int]) -> float:
    """C / S of one run from the sizes of its valid clusters."""
    return len(sizes) / (sum(sizes) / len(sizes)) if sizes else 0.0


@dataclass
class RunningMean:
    """Welford's mean and variance, one value at a time."""

    count: int = 0
    mean: float = 0.0
    _squares: float = field(default=0.0, repr=False)

    def add(self, value: float) -> None:
        self.count += 1
        step = value - self.mean
        self.mean += step / self.count
        self._squares += step * (value - self.mean)

    @property
    def deviation(self) -> float:
        """Sample standard deviation; 0 for fewer than two values."""
        return sqrt(self._squares / (self.count - 1)) if self.count > 1 else 0.0

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        half = self.half_width(confidence)
        return self.mean - half, self.mean + half

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        if self.count < 2:
            return float("inf")
        return NormalDist().inv_cdf(0.5 + confidence / 2) * self.deviation / sqrt(self.count)
