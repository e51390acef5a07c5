"""Self-BLEU: each text's BLEU against all the others, averaged (Zhu et al. 2018, Texygen).

Exact, in time linear in the n-grams. For an n-gram let m1 >= m2 be its two largest counts in a document.
A document's count c is clipped at the largest count among the *others*: that is m2 where c = m1, and m1
where c < m1, but then c <= m2 too. So it is min(c, m2) in every case, and two passes over the n-grams do:
one for m2, one for the clipped sums. (Texygen itself leaves the text among its own references in one code
path, and takes the first 500 texts; neither is done here.)

The higher, the less diverse. It grows with the number of texts: compare sets of one size only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.measures.bleu import BleuStatistics, bleu_scores, nearest_lengths
from services.metrics.lexical.ngrams.partition import WHOLE, Partitioner, Slice
from services.metrics.lexical.ngrams.records import clipped
from services.metrics.lexical.ngrams.states import NgramDocuments
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import NO_TEXTS, ONE_TEXT, Value

LONGEST = 4


def self_bleu(tokens: Tokens, longest: int = LONGEST, *, convention: str = "nltk") -> Value:
    """The mean of the texts' BLEU against the others, on the convention's scale (`bleu`).

    Equal weights on n-grams of 1 to `longest` tokens. A text without tokens scores 0 and counts. None for
    fewer than two texts. NLTK's and sacrebleu's own values also need their tokenisers: `nltk`, `13a`.
    """
    reason = undefined(len(tokens))
    return (
        Value.none(reason) if reason else mean_score(self_bleu_scores(tokens, longest, convention=convention))
    )


def self_bleu_scores(
    tokens: Tokens, longest: int = LONGEST, *, convention: str = "nltk"
) -> NDArray[np.float64]:
    """Each text's BLEU against the others; (documents,). At least two documents."""
    partitioner = Partitioner([tokens])
    matches = np.stack([clipped_matches(partitioner, order) for order in range(1, longest + 1)])
    return bleu_scores(statistics(matches, tokens.lengths), convention)


def clipped_matches(partitioner: Partitioner, order: int, key_slice: Slice = WHOLE) -> NDArray[np.int64]:
    """For each document, Σ min(c, m2) over the n-grams of a slice; over the slices these add up."""
    entries = partitioner.entries(order, documents=True, key_slice=key_slice)
    return clipped(entries, partitioner.documents)


def statistics(
    matches: NDArray[np.int64], lengths: NDArray[np.int64], among: NDArray[np.int64] | None = None
) -> BleuStatistics:
    """BLEU's statistics of texts from their clipped matches; `among`: the lengths of all texts."""
    orders = np.arange(len(matches))[:, None]
    return BleuStatistics(matches, np.maximum(lengths - orders, 0), lengths, nearest_lengths(lengths, among))


def mean_score(scores: NDArray[np.float64]) -> Value:
    return Value(math.fsum(scores) / len(scores))


def undefined(documents: int) -> str | None:
    """Why Self-BLEU has no value for so many texts; None when it has."""
    return {0: NO_TEXTS, 1: ONE_TEXT}.get(documents)


@dataclass(frozen=True)
class SelfBleuCounts:
    """First pass, mergeable: each n-gram's two largest counts in a document, and the texts' lengths.

    The second pass, `scores`, is run on each shard with the merged state; the scores of the shards one
    after another are those of the whole.
    """

    ngrams: tuple[NgramDocuments, ...]
    lengths: NDArray[np.int64]

    @classmethod
    def of(cls, tokens: Tokens, longest: int = LONGEST) -> Self:
        orders = range(1, longest + 1)
        return cls(tuple(NgramDocuments.of(tokens, order) for order in orders), tokens.lengths)

    def merge(self, *others: Self) -> Self:
        columns = zip(self.ngrams, *(other.ngrams for other in others), strict=True)
        lengths = np.concatenate([self.lengths, *(other.lengths for other in others)])
        return type(self)(tuple(first.merge(*rest) for first, *rest in columns), lengths)

    def scores(self, tokens: Tokens, *, convention: str = "nltk") -> NDArray[np.float64]:
        """The scores of a shard's texts against all texts of the merged state but themselves."""
        matches = np.stack([state.clipped(tokens) for state in self.ngrams])
        return bleu_scores(statistics(matches, tokens.lengths, self.lengths), convention)
