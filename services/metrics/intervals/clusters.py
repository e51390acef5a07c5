"""Confidence intervals of how texts spread over clusters.

The clusters are those that were fitted: the intervals cover which texts were drawn, not where other texts
would have put the centroids. (Fitting them again for each replicate would mix in the chance of where
k-means stops, which a jackknife then multiplies by the number of groups.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import Interval, NoInterval, Spread, normal_quantile
from services.metrics.intervals.jackknife import delete_one_interval
from services.metrics.intervals.shares import binomial_limits
from services.metrics.problems import require_rows
from services.metrics.semantic.clusters import ClusterSpread

FIXED = "of these clusters: where other texts would have put them is not covered"

ONE_CLUSTER = NoInterval("with one cluster evenness is 0 by definition")


def cluster_intervals(spread: ClusterSpread, level: float) -> dict[str, Spread]:
    """Intervals of the values of a spread, by the values' names."""
    names = ("cluster_entropy", "cluster_evenness", "clusters_effective", "clusters_occupied")
    if sum(spread.counts) < 2:
        return dict.fromkeys(names, NoInterval("an interval of a spread over clusters needs 2 rows"))
    entropy = entropy_interval(spread.counts, level=level).within(0, math.log(spread.k))
    effective = replace(
        entropy,
        low=math.exp(entropy.low),
        high=math.exp(entropy.high),
        standard_error=entropy.standard_error * spread.effective,
    )
    evenness = entropy.scaled(1 / math.log(spread.k)) if spread.k > 1 else ONE_CLUSTER
    occupied = occupied_interval(spread.counts, level=level).within(1, spread.k)
    return dict(zip(names, (entropy, evenness, effective, occupied), strict=True))


def entropy_interval(counts: Sequence[int], *, level: float = 0.95) -> Interval:
    """The interval of −Σ p ln p (nats) of n ≥ 2 texts in clusters, from the multinomial's influence function.

        IF(text of cluster c) = −ln p_c − H,   se = √(Σ p ln² p − H²) / √n

    The plug-in entropy of n draws lies (clusters − 1) / 2n below the law's (Miller 1955), but clusters that
    were fitted to these very texts are more even on them than on others, which makes up for it and a
    little more: no bias is told. With all clusters equally large the first order vanishes and the entropy is
    at its most.
    """
    sizes = _occupied(counts)
    shares = sizes / sizes.sum()
    surprise = -np.log(shares)
    entropy = float(shares @ surprise)
    error = math.sqrt(max(0.0, float(shares @ np.square(surprise)) - entropy**2) / sizes.sum())
    half = normal_quantile(level) * error
    return Interval(entropy - half, entropy + half, level, "influence", error, note=FIXED)


def occupied_interval(counts: Sequence[int], *, level: float = 0.95) -> Interval:
    """The interval of how many clusters hold a text, from leaving out each text: those alone in theirs
    empty it. n ≥ 2."""
    sizes = _occupied(counts)
    texts, alone = int(sizes.sum()), int((sizes == 1).sum())
    without = np.repeat([len(sizes) - 1.0, float(len(sizes))], [alone, texts - alone])
    return replace(delete_one_interval(float(len(sizes)), without, level=level), bias=None, note=FIXED)


def count_intervals(counts: Sequence[int], *, level: float = 0.95) -> list[tuple[float, float]]:
    """Of each cluster, the interval of its share of texts: exact binomial (Clopper and Pearson 1934)."""
    low, high = binomial_limits(counts, sum(counts), level)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def _occupied(counts: Sequence[int]) -> NDArray[np.int64]:
    sizes = np.asarray(counts, np.int64)
    sizes = sizes[sizes > 0]
    require_rows(int(sizes.sum()), 2, "The interval of a spread over clusters")
    return sizes
