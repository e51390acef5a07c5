"""DCScore: diversity as how well each text is told apart from the others by a softmax over similarities.

Zhu et al., "Measuring Diversity in Synthetic Datasets" (2502.08512):

    DCScore = Σ_i softmax_j(e_i·e_j / τ)_i

between 1 (all texts alike) and n. The authors' code normalises the embeddings in one path and not in
another; here they are unit rows always. Temperature τ = 1 is theirs; on unit rows it makes the score move
little, and a smaller τ makes it sharper: state τ with every value.
"""

from __future__ import annotations

import numpy as np

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.vectors import Vectors, require_finite

BLOCK = 1024


def dcscore(vectors: Vectors, temperature: float = 1.0) -> float:
    """DCScore of n × d unit rows: n² d operations in blocks of 1,024 rows, O(n) memory."""
    require_rows(len(vectors), 1, "DCScore")
    if not temperature > 0:
        raise Unmeasurable("bad_temperature", f"τ must be above 0, not {temperature}.", field="temperature")
    score = 0.0
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        own = np.einsum("ij,ij->i", block, block)
        similarities = (block @ vectors.T - own[:, None]) / temperature
        # Dividing the softmax by its own numerator leaves 1 / Σ_j exp(s_ij − s_ii); clipped, so that a tiny τ
        # gives 0 and not infinity.
        score += float((1 / np.exp(np.minimum(similarities, 80)).sum(axis=1, dtype=np.float64)).sum())
    require_finite(vectors, np.asarray(score))
    return score
