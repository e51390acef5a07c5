"""Sums over a kernel's blocks are those over the whole kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.semantic.neighbours import Points
from services.metrics.shift.kernel_sums import BLOCK, kernel_sums


def whole(vectors: np.ndarray, sigma: float) -> np.ndarray:
    kernel = np.exp(-np.square(vectors[:, None] - vectors).sum(axis=2) / (2 * sigma**2))
    np.fill_diagonal(kernel, 0)
    return np.asarray(kernel)


@given(st.integers(1, 40), st.integers(1, 5), st.floats(0.3, 3), st.integers(0, 1000))
@settings(max_examples=40)
def test_sums_are_those_of_the_whole_kernel(rows: int, columns: int, sigma: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors, weights = random.normal(size=(rows, 3)), random.normal(size=(rows, columns))
    found = kernel_sums(Points.of(vectors), sigma, weights)
    assert found == pytest.approx(whole(vectors, sigma) @ weights, abs=1e-12)


def test_blocks_do_not_show() -> None:
    random = np.random.default_rng(1)
    vectors, labels = random.normal(size=(BLOCK * 2 + 7, 2)), random.integers(0, 2, (BLOCK * 2 + 7, 3))
    found = kernel_sums(Points.of(vectors), 1.0, labels.astype(np.float64))
    assert found == pytest.approx(whole(vectors, 1.0) @ labels, rel=1e-12)
