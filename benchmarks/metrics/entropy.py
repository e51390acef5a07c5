"""Entropies of 1- to 3-grams over 10 million words beside NLTK."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from nltk.probability import FreqDist, MLEProbDist, entropy
from nltk.util import ngrams

from benchmarks.metrics.corpus import paragraphs, words
from benchmarks.metrics.peers import version
from benchmarks.metrics.results import Row, cpu_seconds, row
from services.metrics.lexical import Tokens, ngram_entropies

PLACE = 4
SMOOTHING = 0.5


def rows() -> Iterator[Row]:
    texts = paragraphs(200_000)
    column = pa.array(texts, pa.large_string())
    ours, values = cpu_seconds(lambda: ngram_entropies(Tokens.of(column)), repeats=5)
    theirs, expected = cpu_seconds(lambda: [with_nltk(texts, order) for order in (1, 2, 3)])
    equal = bool(np.allclose([value.value for value in values], expected, rtol=1e-9))
    note = "equal to 1e-9: NLTK's running sum over millions of terms has no more digits"
    yield row("entropy_vs_nltk", "NLTK", version("nltk"), ours, theirs, equal=equal, note=note)


def with_nltk(texts: list[str], order: int) -> float:
    frequencies: FreqDist = FreqDist()
    for text in texts:
        frequencies.update(ngrams(words(text), order))
    bits: float = entropy(MLEProbDist(frequencies))
    return bits
