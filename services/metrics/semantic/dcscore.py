"""DCScore: diversity as how well each text is told apart from the others by a softmax over similarities.

Zhu et al., "Measuring Diversity in Synthetic Datasets" (2502.08512):

    DCScore = Σ_i softmax_j(e_i·e_j / τ)_i

between 1 (all texts alike) and n. The authors' code normalises the embeddings in one path and not in
another; here they are unit rows always. Temperature τ = 1 is theirs; on unit rows it makes the score move
little, and a smaller τ makes it sharper: state τ with every value.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.vectors import Vectors, require_finite

BLOCK = 1024


def dcscore(vectors: Vectors, temperature: float = 1.0) -> float:
    """DCScore of n × d unit rows: n² d operations in blocks of 1,024 rows, O(n) memory."""
    require_rows(len(vectors), 1, "DCScore")
    score = sum(float((1 / sums).sum()) for sums in (_sums(block) for block in kernel(vectors, temperature)))
    require_finite(vectors, np.asarray(score))
    return min(max(score, 1.0), float(len(vectors)))  # beyond is rounding


def dcscore_without_each(
    vectors: Vectors, temperature: float = 1.0, *, at_once: int = BLOCK
) -> NDArray[np.float64]:
    """DCScore of the rows without row j, for each j: (n,), for the cost of DCScore twice. Needs two rows.

    With k the kernel and S its row sums, what is left of row i is S_i − k_ij, so that

        DCScore₍ⱼ₎ = Σ_{i ≠ j} 1 / (S_i − k_ij).
    """
    require_rows(len(vectors), 2, "DCScore without each row")
    scores = np.zeros(len(vectors))
    for start, block in enumerate(kernel(vectors, temperature, at_once)):
        # What is left holds the row's own kernel, 1: less can only be rounding.
        left = 1 / np.maximum(_sums(block)[:, None] - block, 1)
        rows = np.arange(len(block))
        left[rows, start * at_once + rows] = 0
        scores += left.sum(axis=0)
    require_finite(vectors, scores)
    return scores


def kernel(vectors: Vectors, temperature: float, at_once: int = BLOCK) -> Iterator[NDArray[np.float64]]:
    """exp((e_i·e_j − e_i·e_i) / τ), `at_once` rows at a time: the softmax divided by its own numerator.

    Clipped, so that a tiny τ gives 0 and not infinity. Raises Unmeasurable (`bad_temperature`).
    """
    if not temperature > 0:
        raise Unmeasurable("bad_temperature", f"τ must be above 0, not {temperature}.", field="temperature")
    for start in range(0, len(vectors), at_once):
        block = vectors[start : start + at_once]
        own = np.einsum("ij,ij->i", block, block)
        similarities = (block @ vectors.T - own[:, None]) / temperature
        rows = np.arange(len(block))
        similarities[rows, start + rows] = 0
        yield np.exp(np.minimum(similarities, 80), dtype=np.float64)


def _sums(block: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(block.sum(axis=1))
