"""Self-repetition: how often a text's long n-grams come up in other texts (Salkar et al. 2022).

With N(g) the number of *other* documents that have the n-gram g:

    paper     mean over documents of log Σ (N(g) + 1), over every occurrence of an n-gram in the document
              (Shaib et al., 2403.00553); a document without n-grams adds 0, our choice
    package   mean over documents of log(1 + Σ N(g)), over the document's *different* n-grams
              (`diversity` 0.3.1; with the tokeniser `whitespace` the package's value)

Natural logarithms. The value grows with the number of texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.ngrams.partition import WHOLE, Partitioner, Slice
from services.metrics.lexical.ngrams.records import document_sums
from services.metrics.lexical.ngrams.states import NgramDocuments
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import NO_TEXTS, Value

ORDER = 4
FORMULAS = ("paper", "package")


@dataclass(frozen=True)
class Repetition:
    """For each document, Σ (N + 1) over occurrences and Σ N over different n-grams; both int64, exact."""

    occurrences: NDArray[np.int64]
    types: NDArray[np.int64]

    @classmethod
    def of(cls, partitioner: Partitioner, order: int = ORDER, key_slice: Slice = WHOLE) -> Self:
        """Of the n-grams in a slice; over the slices these add up (`__add__`)."""
        entries = partitioner.entries(order, documents=True, key_slice=key_slice)
        return cls(*document_sums(entries, partitioner.documents))

    @classmethod
    def zeros(cls, documents: int) -> Self:
        return cls(np.zeros(documents, np.int64), np.zeros(documents, np.int64))

    def __add__(self, other: Self) -> Self:
        return type(self)(self.occurrences + other.occurrences, self.types + other.types)

    def value(self, formula: str = "paper") -> Value:
        if formula not in FORMULAS:
            raise LexicalError(f"self-repetition has the formulas {' and '.join(FORMULAS)}, not {formula!r}")
        if not len(self.types):
            return Value.none(NO_TEXTS)
        sums = np.maximum(self.occurrences, 1) if formula == "paper" else self.types + 1
        return Value(math.fsum(np.log(sums)) / len(sums))


def self_repetition(tokens: Tokens, order: int = ORDER, *, formula: str = "paper") -> Value:
    """The mean over documents by the named formula (see the module). None without texts."""
    return Repetition.of(Partitioner([tokens]), order).value(formula)


@dataclass(frozen=True)
class RepetitionCounts:
    """First pass, mergeable: in how many documents each n-gram is. `of_shard` is the second pass."""

    ngrams: NgramDocuments

    @classmethod
    def of(cls, tokens: Tokens, order: int = ORDER) -> Self:
        return cls(NgramDocuments.of(tokens, order))

    def merge(self, *others: Self) -> Self:
        return type(self)(self.ngrams.merge(*(other.ngrams for other in others)))

    def of_shard(self, tokens: Tokens) -> Repetition:
        """A shard's documents against all documents of the merged state."""
        return Repetition(*self.ngrams.repetition(tokens))
