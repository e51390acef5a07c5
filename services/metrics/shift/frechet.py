"""Fréchet distance between Gaussians fitted to two sets of embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from services.metrics.problems import Unmeasurable, require_rows
from services.metrics.semantic.moments import Moments


def frechet_distance(real: Moments, generated: Moments) -> float:
    """Fréchet (2-Wasserstein, squared) distance, from the mergeable second-moment states.

        ‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂) − 2 Σ √eig(Σ₁^½ Σ₂ Σ₁^½)

    The product is symmetric and its eigenvalues real, so no matrix square root of an unsymmetric product
    is taken and nothing turns complex. With fewer rows than dimensions the covariances are singular: the
    distance is still defined, and biased upwards. Needs 2 rows a side.
    """
    require_rows(real.count, 2, "The Fréchet distance from a reference")
    require_rows(generated.count, 2, "The Fréchet distance")
    if real.total.shape != generated.total.shape:
        raise Unmeasurable(
            "dimension_mismatch",
            f"The reference's embeddings have {len(real.total)} dimensions and the dataset's "
            f"{len(generated.total)}: embed both with one model.",
        )
    return distance(Gaussian.of(real), Gaussian.of(generated))


@dataclass(frozen=True)
class Gaussian:
    """The Gaussian of some moments; its covariance's root is taken when it is first needed."""

    moments: Moments
    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def of(cls, moments: Moments) -> Gaussian:
        return cls(moments, moments.mean, moments.covariance)

    @cached_property
    def root(self) -> NDArray[np.float64]:
        return _root(self.covariance)


def distance(first: Gaussian, second: Gaussian) -> float:
    """The distance, from the root of the first: symmetric in the two but for rounding."""
    product = first.root @ second.covariance @ first.root
    overlap = np.sqrt(np.maximum(np.linalg.eigvalsh(product), 0)).sum()
    apart = first.mean - second.mean
    traces = np.trace(first.covariance) + np.trace(second.covariance)
    return max(0.0, float(apart @ apart + traces - 2 * overlap))


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric square root of a positive semidefinite matrix; eigenvalues below 0 are rounding."""
    values, vectors = np.linalg.eigh(matrix)
    root: NDArray[np.float64] = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    return root
