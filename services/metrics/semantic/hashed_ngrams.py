"""The built-in embedding: n-grams hashed and projected at random. No model, no download, same on every
machine.

It is *lexical*: texts are near when they share words, word pairs and word parts, whatever they mean. Shift
and spread measured on it see a change of words; a paraphrase looks like another text. With a
sentence-transformers model at hand, use that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from services.metrics.semantic.vectors import Vectors
from shared.text.shingles import Tokenised

DIMENSIONS = 256
BUCKET_BITS = 18
LONGEST_PART = 4
TOUCHED = 4
CHUNK = 512

Keys = NDArray[np.uint64]


class HashedNgrams:
    """Features of a text, as it is compared: tokens (`shared/text/words.py`), pairs of neighbours, and
    4-letter parts of `_token_`.

    Each feature falls into one of 2¹⁸ buckets; a bucket's weight is the square root of its count; buckets
    are projected to 256 dimensions by a sparse sign matrix with 4 entries a bucket (Kane and Nelson 2014,
    1012.1577: inner products are kept within about 1/√256), and rows are scaled to length 1. All hashes
    follow from the seed by arithmetic alone. A text without words is the point of its own kind: all such
    texts are equal.
    """

    NAME: ClassVar[str] = "hashed-ngrams"

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._projection = _projection(seed)

    @property
    def description(self) -> Mapping[str, str | int | float | bool]:
        return {
            "embedding": self.NAME,
            "dimensions": DIMENSIONS,
            "seed": self._seed,
            "sees": "words, not meaning",
        }

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = [self._embed(texts[start : start + CHUNK]) for start in range(0, len(texts), CHUNK)]
        return np.concatenate(rows) if rows else np.zeros((0, DIMENSIONS), np.float32)

    def _embed(self, texts: Sequence[str]) -> Vectors:
        found = [_features(text) for text in texts]
        ends = np.cumsum([0, *(len(keys) for keys in found)])
        buckets = _mixed(np.concatenate(found), self._seed) >> np.uint64(64 - BUCKET_BITS)
        counts = csr_array(
            (np.ones(len(buckets), np.float32), buckets.astype(np.int64), ends),
            (len(texts), 1 << BUCKET_BITS),
        )
        counts.sum_duplicates()
        counts.data = np.sqrt(counts.data)
        dense = (counts @ self._projection).toarray()
        lengths = np.linalg.norm(dense, axis=1, keepdims=True)
        dense[lengths[:, 0] == 0, 0] = 1  # every sign cancelled: not seen, but a row must have a direction
        return np.asarray(dense / np.where(lengths == 0, 1, lengths), np.float32)


def _features(text: str) -> Keys:
    """64-bit keys of a text's features, not yet mixed: a kind in the top bits, CRC-32s below."""
    found = Tokenised.of(text)
    words = found.tokens or ["\x00"]
    # Letters of scripts without blanks stand together again, for their parts.
    runs = words if found.quarters is None else found.shown((0, len(words))).split()
    singles = np.fromiter((crc32(word.encode("utf-8", "replace")) for word in words), np.uint64, len(words))
    pairs = (singles[:-1] * np.uint64(0x9E3779B97F4A7C15)) ^ singles[1:]
    return np.concatenate([singles, pairs | np.uint64(1 << 62), _parts(runs) | np.uint64(1 << 63)])


def _parts(words: Sequence[str]) -> Keys:
    """Runs of four code points within `_word_`, each packed into 63 bits; a shorter `_word_` has none."""
    points = np.frombuffer("_".join(["", *words, ""]).encode("utf-32-le", "replace"), np.uint32).astype(
        np.uint64
    )
    if len(points) < LONGEST_PART:
        return np.zeros(0, np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(points, LONGEST_PART)
    inside = ~(windows[:, 1:-1] == ord("_")).any(axis=1)
    kept = windows[inside]
    packed = kept[:, 0]
    for column in range(1, LONGEST_PART):
        packed = packed * np.uint64(0x100000001B3) + kept[:, column]
    masked: Keys = packed & np.uint64((1 << 62) - 1)
    return masked


def _projection(seed: int) -> csr_array:
    """2¹⁸ × 256, four entries ±½ a row; two that meet in one place add up or cancel."""
    keys = np.arange(1 << BUCKET_BITS, dtype=np.uint64)
    drawn = np.stack([_mixed(keys, seed + 1 + entry) for entry in range(TOUCHED)], axis=1).ravel()
    signs = np.where(drawn >> np.uint64(63), 0.5, -0.5).astype(np.float32)
    columns = (drawn % np.uint64(DIMENSIONS)).astype(np.int64)
    matrix = csr_array(
        (signs, columns, np.arange(0, len(drawn) + 1, TOUCHED)), (1 << BUCKET_BITS, DIMENSIONS)
    )
    matrix.sum_duplicates()
    return matrix


def _mixed(keys: Keys, seed: int) -> Keys:
    """Steele, Lea and Flood's SplitMix64 finaliser of keys offset by the seed."""
    mixed = keys + np.uint64((seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) % 2**64)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
