"""KL and JS over quantised embeddings: how texts spread over the regions of one codebook.

"What Matters in LLM-generated Data" prints a KL between real and generated data without defining it. This
is our named estimator of the same idea; its numbers are not the paper's, its trend may be compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import require_rows
from services.metrics.semantic.clusters import assign, fit_codebook
from services.metrics.semantic.vectors import Vectors, require_like
from services.metrics.shift.divergence import SMOOTHING, Divergence, divergence

FittedOn = Literal["both", "reference"]
ROWS_PER_CLUSTER = 20
MOST_CLUSTERS = 100


@dataclass(frozen=True)
class QuantisedShift:
    """`real_counts` and `generated_counts` hold the texts of each cluster, cluster by cluster; `real_labels`
    and `generated_labels` the cluster of each text."""

    divergence: Divergence
    clusters: int
    fitted_on: FittedOn
    real_counts: tuple[int, ...]
    generated_counts: tuple[int, ...]
    real_labels: NDArray[np.int64]
    generated_labels: NDArray[np.int64]


def quantised_shift(
    real: Vectors,
    generated: Vectors,
    *,
    clusters: int | None = None,
    fitted_on: FittedOn = "both",
    smoothing: float = SMOOTHING,
    seed: int,
) -> QuantisedShift:
    """Divergence of cluster shares, real ‖ generated.

    The k-means codebook is fitted on both sets together (no side's region is without a centroid) or on the
    reference alone (one codebook serves many datasets, and what lies outside the real data is folded into its
    nearest real region). `clusters` defaults to one for each 20 rows of the smaller set, from 2 to 100.
    """
    require_rows(len(real), 1, "The quantised shift from a reference")
    require_rows(len(generated), 1, "The quantised shift")
    require_like(real, generated)
    k = clusters or default_clusters(min(len(real), len(generated)))
    codebook = fit_codebook(np.concatenate([real, generated]) if fitted_on == "both" else real, k, seed=seed)
    labels = assign(real, codebook), assign(generated, codebook)
    real_counts, generated_counts = (np.bincount(side, minlength=len(codebook)) for side in labels)
    return QuantisedShift(
        divergence=divergence(real_counts, generated_counts, smoothing=smoothing),
        clusters=len(codebook),
        fitted_on=fitted_on,
        real_counts=tuple(int(count) for count in real_counts),
        generated_counts=tuple(int(count) for count in generated_counts),
        real_labels=labels[0],
        generated_labels=labels[1],
    )


def default_clusters(rows: int) -> int:
    """One cluster for each 20 rows, at least 2 and at most 100: fewer rows than that leave KL to the
    smoothing."""
    return max(2, min(MOST_CLUSTERS, rows // ROWS_PER_CLUSTER))
