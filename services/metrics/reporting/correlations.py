"""Pearson's r and Spearman's ρ between each measure of the training data and the loss, with intervals.

A condition counts once, with its mean over the seeds: seeds of one condition are not independent evidence
about what diversity does. Intervals are Fisher's, with the standard error 1/√(n − 3) for r and, for ρ,
√((1 + ρ²/2)/(n − 3)) (Bonett and Wright 2000, Psychometrika 65); both need four conditions. The p-value is
Spearman's under every pairing: to a few points in perfect order the usual t approximation gives p = 0, where
2/n! is the truth. Each p is also adjusted for the measures looked at: q is the false discovery rate at which
it would still be told, whatever the dependence among the measures (Benjamini and Yekutieli 2001, Annals of
Statistics 29).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations

import numpy as np
from scipy.stats import false_discovery_control, norm, permutation_test, rankdata
from scipy.stats import t as student

from services.metrics.reporting.conditions import Condition

FEWEST = 4
EXACT = 8
SHIFTS = (
    "js_", "kl_", "wasserstein_", "mmd", "frechet", "mauve", "two_sample", "coverage", "density", "knn_",
)  # fmt: skip
OF_INSTRUMENTS = ("cluster_score",)
"""Values of language models as instruments that measure the training data."""
_NOT_OF_THE_TEXT = ("rows", "tokens", "reject", "contaminat")


@dataclass(frozen=True)
class Coefficient:
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Correlation:
    """Of a measure with the loss, over `conditions` conditions. `family` is `diversity` or `shift`."""

    measure: str
    family: str
    conditions: int
    pearson: Coefficient
    spearman: Coefficient
    p: float
    q: float = 1.0


def correlations(found: Sequence[Condition], y: str, *, level: float = 0.95) -> list[Correlation]:
    """Of every measure that at least four conditions have and in which they differ, strongest first."""
    told = []
    for measure in measures(found):
        points = [(c.mean(measure), c.mean(y)) for c in found]
        pairs = [(a, b) for a, b in points if a is not None and b is not None]
        first, second = [a for a, _ in pairs], [b for _, b in pairs]
        if len(pairs) < FEWEST or not _varies(first) or not _varies(second):
            continue
        rho, p = rank_correlation(first, second)
        told.append(
            Correlation(
                measure,
                "shift" if measure.startswith(SHIFTS) else "diversity",
                len(pairs),
                _coefficient(float(np.corrcoef(first, second)[0, 1]), len(pairs), level, ranked=False),
                _coefficient(rho, len(pairs), level, ranked=True),
                p,
            )
        )
    adjusted = false_discovery_control([c.p for c in told], method="by") if told else []
    told = [replace(c, q=float(q)) for c, q in zip(told, adjusted, strict=True)]
    return sorted(told, key=lambda c: (-abs(c.spearman.value), -abs(c.pearson.value), c.measure))


@lru_cache(maxsize=64)
def smallest_significant(count: int, level: float = 0.05) -> float | None:
    """The smallest |ρ| of so many untied points with a two-sided p of at most `level`; None where even a
    perfect order has a larger one. Exact up to eight points, by Student's t beyond."""
    if count > EXACT:
        t = float(student.ppf(1 - level / 2, count - 2))
        return t / math.sqrt(count - 2 + t**2)
    ranks = np.arange(count) - (count - 1) / 2
    orders = np.array(list(permutations(ranks)))
    found = np.sort(np.round(np.abs(orders @ ranks) / (ranks @ ranks), 9))[::-1]
    values, first = np.unique(-found, return_index=True)
    ends = np.append(first[1:], len(found))  # how many orders are at least as far from zero as each value
    told = [-float(value) for value, end in zip(values, ends, strict=True) if end / len(found) <= level]
    return min(told) if told else None


def measures(found: Sequence[Condition]) -> list[str]:
    """Names of the measured values of the conditions' training data."""
    names = [
        value.name
        for condition in found
        for run in condition.runs
        if run.measured
        for value in run.measured.values
        if not value.name.startswith(_NOT_OF_THE_TEXT)
    ]
    asked = [name for name in OF_INSTRUMENTS if any(condition.figures(name) for condition in found)]
    return list(dict.fromkeys([*names, *asked]))


def _varies(values: Sequence[float]) -> bool:
    return float(np.ptp(values)) > 1e-12 * max(1.0, float(np.abs(values).max()))


def _coefficient(value: float, count: int, level: float, *, ranked: bool) -> Coefficient:
    value = min(1.0, max(-1.0, value))
    if abs(value) == 1:  # Fisher's z has no end there: the bound of the nearest value that could be told
        inner = math.copysign(1 - 1 / count**2, value)
        bounds = _fisher(inner, count, level, ranked=ranked)
        return Coefficient(value, bounds[0] if value > 0 else -1.0, 1.0 if value > 0 else bounds[1])
    low, high = _fisher(value, count, level, ranked=ranked)
    return Coefficient(value, low, high)


def _fisher(value: float, count: int, level: float, *, ranked: bool) -> tuple[float, float]:
    error = math.sqrt((1 + value**2 / 2 if ranked else 1) / (count - 3))
    half = float(norm.ppf(0.5 + level / 2)) * error
    middle = math.atanh(value)
    return math.tanh(middle - half), math.tanh(middle + half)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Spearman's ρ and its two-sided p-value under every pairing (a sample of 9,999 beyond seven points)."""
    ranks = rankdata(first) - (len(first) + 1) / 2
    others = rankdata(second) - (len(second) + 1) / 2
    scale = float(np.sqrt((ranks**2).sum() * (others**2).sum()))
    if scale == 0:
        return 0.0, 1.0
    found = permutation_test(
        (ranks,),
        lambda paired, axis: (paired * others).sum(axis=axis) / scale,
        permutation_type="pairings",
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    return float(found.statistic), float(found.pvalue)
