"""Self-BLEU-4 beside NLTK and fast-bleu, and over 200,000 texts, where no other exact one goes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from fast_bleu import SelfBLEU
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

from benchmarks.metrics.corpus import paragraphs, words
from benchmarks.metrics.peers import version
from benchmarks.metrics.results import Row, cpu_seconds, row
from services.metrics.lexical import Tokens, self_bleu, self_bleu_scores

PLACE = 2


def rows() -> Iterator[Row]:
    """All from texts to every text's score; equal to NLTK to 1e-12 for each."""
    texts = paragraphs(1_000)
    ours, scores = cpu_seconds(lambda: self_bleu_scores(Tokens.of(texts)), repeats=20)
    theirs, expected = cpu_seconds(lambda: with_nltk(texts))
    equal = bool(np.abs(scores - expected).max() < 1e-12)
    yield row("self_bleu_1k_vs_nltk", "NLTK", version("nltk"), ours, theirs, equal=equal)

    texts = paragraphs(10_000)
    ours, scores = cpu_seconds(lambda: self_bleu_scores(Tokens.of(texts)), repeats=10)
    theirs, expected = cpu_seconds(lambda: with_fast_bleu(texts))
    equal = bool(np.abs(scores - expected).max() < 1e-12)
    yield row("self_bleu_10k_vs_fast_bleu", "fast-bleu", version("fast-bleu"), ours, theirs, equal=equal)

    column = pa.array(paragraphs(200_000), pa.large_string())
    ours, value = cpu_seconds(lambda: self_bleu(Tokens.of(column)), repeats=3)
    equal = 0 < value.value < 1
    note = "exact over all 200,000; equality is checked on the smaller sets"
    yield row("self_bleu_200k", "none can", "", ours, None, equal=equal, note=note)


def with_nltk(texts: list[str]) -> list[float]:
    smoothing = SmoothingFunction().method1
    tokens = [words(text) for text in texts]
    return [
        sentence_bleu(tokens[:i] + tokens[i + 1 :], own, smoothing_function=smoothing)
        for i, own in enumerate(tokens)
    ]


def with_fast_bleu(texts: list[str]) -> list[float]:
    scores: list[float] = SelfBLEU([words(text) for text in texts], {4: (0.25,) * 4}).get_score()[4]
    return scores
