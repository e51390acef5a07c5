"""The LLM Cluster-agent's diversity score and its interval, from the raw clusterings.

"On the Diversity of Synthetic Data" (2410.15226): N times, K texts are sampled and clustered by an LLM,
and each clustering is verified; with C_i clusters and S_i samples per cluster,

    D = (1/N) Σ C_i / S_i.

The paper leaves S open where clusters differ in size. Ours is the mean size of the valid clusters; a
clustering in which none is valid counts as 0. C, S and the invalid clusters stay beside D. A score depends
on K (the paper's own falls from 5.12 at K = 5 to 3.13 at K = 20): never compare across K.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from services.metrics.intervals.interval import Interval
from services.metrics.intervals.means import mean_interval
from services.metrics.problems import Unmeasurable, require_rows


@dataclass(frozen=True)
class Clustering:
    """One verified clustering of `samples` texts: the size of each cluster, and whether it was found
    valid."""

    samples: int
    sizes: tuple[int, ...]
    valid: tuple[bool, ...]

    def __post_init__(self) -> None:
        if len(self.sizes) != len(self.valid):
            raise Unmeasurable(
                "bad_clustering", f"{len(self.sizes)} clusters were given {len(self.valid)} verdicts."
            )
        if min(self.sizes, default=1) < 1 or sum(self.sizes) > self.samples:
            raise Unmeasurable(
                "bad_clustering", f"Clusters of {self.sizes} texts cannot come from {self.samples}."
            )

    @property
    def clusters(self) -> int:
        """C: the valid clusters, singletons among them."""
        return sum(self.valid)

    @property
    def samples_per_cluster(self) -> float | None:
        """S: the mean size of the valid clusters; None when there are none."""
        sizes = [size for size, valid in zip(self.sizes, self.valid, strict=True) if valid]
        return sum(sizes) / len(sizes) if sizes else None

    @property
    def score(self) -> float:
        """C / S; 0 when no cluster is valid."""
        mean = self.samples_per_cluster
        return self.clusters / mean if mean else 0.0


@dataclass(frozen=True)
class AgentScore:
    """D with its interval over clusterings, and the raw means it comes from."""

    score: float
    interval: Interval | None
    clusterings: int
    samples: int
    mean_clusters: float
    mean_samples_per_cluster: float | None
    invalid_clusters: int
    clusterings_without_valid: int


def agent_score(clusterings: Sequence[Clustering], *, level: float = 0.95, seed: int = 0) -> AgentScore:
    """D of these clusterings, all of one K, with a bootstrap interval of the mean (None for a single one).

    Raises Unmeasurable for no clustering, or for several K.
    """
    require_rows(len(clusterings), 1, "The cluster-agent's score")
    sizes = sorted({clustering.samples for clustering in clusterings})
    if len(sizes) > 1:
        raise Unmeasurable(
            "mixed_samples", f"Scores depend on K and these clusterings have {sizes}: score each alone."
        )
    scores = np.asarray([clustering.score for clustering in clusterings])
    spread = [mean for c in clusterings if (mean := c.samples_per_cluster) is not None]
    return AgentScore(
        score=float(scores.mean()),
        interval=mean_interval(scores, level=level, seed=seed) if len(scores) > 1 else None,
        clusterings=len(clusterings),
        samples=sizes[0],
        mean_clusters=float(np.mean([c.clusters for c in clusterings])),
        mean_samples_per_cluster=float(np.mean(spread)) if spread else None,
        invalid_clusters=sum(len(c.valid) - c.clusters for c in clusterings),
        clusterings_without_valid=sum(c.clusters == 0 for c in clusterings),
    )
