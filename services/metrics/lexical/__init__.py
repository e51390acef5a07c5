"""Lexical measures of a set of texts: exact, mergeable over shards, and fast.

    tokens = Tokens.of(texts)              # once, with a named tokeniser; eight bytes a token
    distinct_n(tokens, 5), self_bleu(tokens), ngram_entropies(tokens), ...

Every measure returns a `Value`: a finite number, or None with the reason why there is none. Most move
with the size of the set: compare sets of one size.
"""

from services.metrics.lexical.errors import (
    BrokenText,
    LexicalError,
    MissingText,
    UnknownTokeniser,
    UnlikeStates,
)
from services.metrics.lexical.measures.compression import CompressionState, compression_ratio
from services.metrics.lexical.measures.contexts import ContextState, distinct_n_by_context
from services.metrics.lexical.measures.distinct import (
    distinct_n,
    distinct_ns,
    expectation_adjusted_distinct,
    ngram_diversity,
)
from services.metrics.lexical.measures.divergence import (
    DivergenceValues,
    JointSpectrum,
    divergence,
    joint_divergence,
)
from services.metrics.lexical.measures.entropy import entropy, ngram_entropies, ngram_spectra
from services.metrics.lexical.measures.heaps import HeapsFit, HeapsState
from services.metrics.lexical.measures.intervals import LeftOut
from services.metrics.lexical.measures.jackknife import grouped_jackknife
from services.metrics.lexical.measures.lengths import Lengths
from services.metrics.lexical.measures.repetition import Repetition, RepetitionCounts, self_repetition
from services.metrics.lexical.measures.richness import RichnessState
from services.metrics.lexical.measures.self_bleu import SelfBleuCounts, self_bleu, self_bleu_scores
from services.metrics.lexical.measures.vocabulary import Vocabulary
from services.metrics.lexical.ngrams.partition import Partitioner, Slice
from services.metrics.lexical.ngrams.spectrum import Spectrum
from services.metrics.lexical.ngrams.states import NgramCounts, NgramDocuments
from services.metrics.lexical.text.texts import Texts
from services.metrics.lexical.text.tokenisers import tokeniser_names
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import Value

__all__ = [
    "BrokenText",
    "CompressionState",
    "ContextState",
    "DivergenceValues",
    "HeapsFit",
    "HeapsState",
    "JointSpectrum",
    "LeftOut",
    "Lengths",
    "LexicalError",
    "MissingText",
    "NgramCounts",
    "NgramDocuments",
    "Partitioner",
    "Repetition",
    "RepetitionCounts",
    "RichnessState",
    "SelfBleuCounts",
    "Slice",
    "Spectrum",
    "Texts",
    "Tokens",
    "UnknownTokeniser",
    "UnlikeStates",
    "Value",
    "Vocabulary",
    "compression_ratio",
    "distinct_n",
    "distinct_n_by_context",
    "distinct_ns",
    "divergence",
    "entropy",
    "expectation_adjusted_distinct",
    "grouped_jackknife",
    "joint_divergence",
    "ngram_diversity",
    "ngram_entropies",
    "ngram_spectra",
    "self_bleu",
    "self_bleu_scores",
    "self_repetition",
    "tokeniser_names",
]
