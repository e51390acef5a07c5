"""Diversity as spread over k-means clusters of the embeddings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.vectors import Vectors, require_finite


@dataclass(frozen=True)
class ClusterSpread:
    """How texts spread over clusters. Depends on k and on the sample's size: compare equal ones only."""

    k: int
    """Clusters asked for; never more than there are distinct rows."""
    counts: tuple[int, ...]
    """Texts in each cluster, largest first; empty clusters left out."""
    entropy: float
    """−Σ p ln p in nats; at most ln k."""
    evenness: float
    """Entropy divided by ln k: 1 when all clusters are equally large. 0 when k = 1."""
    effective: float
    """exp(entropy): the number of equally large clusters of that entropy."""


def cluster_spread(vectors: Vectors, k: int, *, seed: int) -> ClusterSpread:
    """Spread of n × d vectors over k clusters (MiniBatchKMeans, 3 starts).

    "On the Diversity of Synthetic Data" (2410.15226) uses 10,000 clusters of a million texts as a baseline.
    """
    codebook = fit_codebook(vectors, k, seed=seed)
    counts = np.bincount(assign(vectors, codebook))
    counts = np.sort(counts[counts > 0])[::-1]
    shares = counts / counts.sum()
    entropy = max(0.0, -float((shares * np.log(shares)).sum()))
    return ClusterSpread(
        k=len(codebook),
        counts=tuple(int(count) for count in counts),
        entropy=entropy,
        evenness=entropy / float(np.log(len(codebook))) if len(codebook) > 1 else 0.0,
        effective=float(np.exp(entropy)),
    )


def fit_codebook(vectors: Vectors, k: int, *, seed: int) -> NDArray[np.float64]:
    """Centroids (at most k × d) of the vectors; fewer than k when there are fewer distinct rows."""
    require_rows(len(vectors), 1, "Clustering")
    if k < 1:
        raise Unmeasurable(
            "bad_clusters", f"Clusters are counted from 1: {k} were asked for.", field="clusters"
        )
    require_finite(vectors, vectors.sum(dtype=np.float64))
    k = min(k, len(np.unique(vectors, axis=0)) if len(vectors) <= 4 * k else len(vectors))
    fitted = MiniBatchKMeans(
        k, random_state=seed, n_init=3, batch_size=max(1024, 3 * k), reassignment_ratio=0.0
    ).fit(vectors)
    return np.asarray(fitted.cluster_centers_, dtype=np.float64)


def assign(vectors: Vectors, codebook: NDArray[np.float64]) -> NDArray[np.int64]:
    """The nearest centroid of each row: argmin ‖x − c‖² = argmax x·c − ‖c‖²/2, in blocks."""
    offsets = (codebook**2).sum(axis=1) / 2
    blocks = np.array_split(vectors, max(1, len(vectors) // 4096))
    return np.concatenate([(block @ codebook.T - offsets).argmax(axis=1) for block in blocks])
