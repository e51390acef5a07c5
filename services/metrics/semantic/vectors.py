"""What every measure on embeddings expects: finite rows of unit length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from services.metrics.problems import Unmeasurable

Vectors = NDArray[np.floating[Any]]
"""n × d, a row per text. float32 or float64."""


def unit_rows(values: ArrayLike) -> Vectors:
    """The rows scaled to length 1, in the precision given (at least float32).

    Raises Unmeasurable for rows that are not finite (`nan_embeddings`) or are all zeros
    (`zero_embeddings`): they have no direction, and one such row would make every mean NaN.
    """
    vectors = matrix(values)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    require_finite(vectors, lengths)
    if not lengths.all():
        raise Unmeasurable(
            "zero_embeddings",
            f"{_places(np.equal(lengths, 0))} an embedding of zeros only, which has no direction: drop them.",
        )
    scaled: Vectors = vectors / lengths[:, None].astype(vectors.dtype)
    return scaled


def matrix(values: ArrayLike) -> Vectors:
    """The values as an n × d array of at least float32. Raises Unmeasurable when they are not one."""
    try:
        vectors = np.asarray(values)
    except ValueError as error:  # ragged lists
        raise Unmeasurable(
            "bad_embeddings", "The embeddings differ in length: one model gives one length."
        ) from error
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise Unmeasurable(
            "bad_embeddings", f"Embeddings are an n × d table of numbers, not {vectors.shape}."
        )
    return vectors if vectors.dtype in (np.float32, np.float64) else vectors.astype(np.float32)


def require_finite(vectors: Vectors, witness: NDArray[Any]) -> None:
    """Refuse NaN and infinity. `witness` is any sum over all entries: it is finite when they are, and
    cheaper."""
    if np.isfinite(witness).all():
        return
    broken = np.asarray(~np.isfinite(vectors).all(axis=1))
    raise Unmeasurable(
        "nan_embeddings",
        f"{_places(broken)} an embedding with NaN or infinity: embed those texts again or drop them.",
    )


def require_like(real: Vectors, generated: Vectors) -> None:
    """Refuse two sets of embeddings that no one model can have made."""
    if real.shape[1] != generated.shape[1]:
        raise Unmeasurable(
            "dimension_mismatch",
            f"The reference's embeddings have {real.shape[1]} dimensions and the dataset's "
            f"{generated.shape[1]}: embed both with one model.",
        )


def _places(mask: NDArray[np.bool_]) -> str:
    rows = np.flatnonzero(mask)
    shown = ", ".join(str(row) for row in rows[:5]) + (", …" if len(rows) > 5 else "")
    return f"{len(rows)} of {len(mask)} rows ({shown}) {'has' if len(rows) == 1 else 'have'}"
