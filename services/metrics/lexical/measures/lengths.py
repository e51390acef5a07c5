"""How long the texts are, in words and in characters, as exact mergeable histograms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import NO_TEXTS, Value

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Lengths:
    """`texts[i]` texts are `lengths[i]` long; lengths ascend. Merging adds."""

    lengths: NDArray[np.int64]
    texts: NDArray[np.int64]

    @classmethod
    def of(cls, lengths: NDArray[np.int64]) -> Self:
        return cls(*np.unique(lengths, return_counts=True))

    @classmethod
    def in_tokens(cls, tokens: Tokens) -> Self:
        return cls.of(tokens.lengths)

    @classmethod
    def in_characters(cls, tokens: Tokens) -> Self:
        """In Unicode code points."""
        return cls.of(tokens.characters)

    def merge(self, other: Self) -> Self:
        lengths, place = np.unique(np.concatenate([self.lengths, other.lengths]), return_inverse=True)
        texts = np.zeros(len(lengths), np.int64)
        np.add.at(texts, place, np.concatenate([self.texts, other.texts]))
        return type(self)(lengths, texts)

    @property
    def count(self) -> int:
        return int(self.texts.sum())

    @property
    def total(self) -> int:
        return int(self.lengths @ self.texts)

    def mean(self) -> Value:
        return Value.ratio(self.total, self.count, NO_TEXTS)

    def standard_deviation(self) -> Value:
        """Of the population (divided by the number of texts)."""
        if not self.count:
            return Value.none(NO_TEXTS)
        deviations = (self.lengths - self.total / self.count) ** 2
        return Value(float(np.sqrt(deviations @ self.texts / self.count)))

    def quantiles(self, at: Sequence[float] = QUANTILES) -> list[Value]:
        """Linear between neighbours, as `numpy.quantile` has it."""
        if not self.count:
            return [Value.none(NO_TEXTS) for _ in at]
        ends = np.cumsum(self.texts)
        positions = np.asarray(at) * (self.count - 1)
        below = self.lengths[np.searchsorted(ends, np.floor(positions), side="right")]
        above = self.lengths[np.searchsorted(ends, np.ceil(positions), side="right")]
        shares = positions - np.floor(positions)
        return [Value(float(value)) for value in below + shares * (above - below)]

    def histogram(self, edges: Sequence[float]) -> NDArray[np.int64]:
        """Texts in each [edge, next edge), the last bin with its right edge, as `numpy.histogram` has it."""
        return np.histogram(self.lengths, edges, weights=self.texts)[0].astype(np.int64)

    def values(self) -> NDArray[np.int64]:
        """Every text's length, ascending."""
        return np.repeat(self.lengths, self.texts)
