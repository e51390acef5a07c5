"""Intervals of lexical measures that must be computed again for each replicate: Self-BLEU, self-repetition,
the compression ratio, and what the unigrams' spectrum says.

Each text bears on the others' values (it may hold the count that clips them, or the copy that a compressor
finds), so that no formula over the texts' own values would do, and a bootstrap would meet copies of texts
everywhere. Groups of texts are left out in turn instead, of a sample of bounded size: the cost does not
grow with the dataset.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.intervals.jackknife import GROUPS, Rows, affordable, rescaled_interval
from services.metrics.lexical import Tokens, Value
from services.metrics.lexical.measures.compression import block_ratio
from services.metrics.lexical.measures.repetition import self_repetition
from services.metrics.lexical.measures.self_bleu import self_bleu
from services.metrics.lexical.measures.vocabulary import Vocabulary
from services.metrics.lexical.ngrams.partition import Partitioner
from services.metrics.lexical.ngrams.spectrum import Spectrum
from services.metrics.measuring.subject import Subject


def self_bleu_interval(subject: Subject, value: Value) -> Spread:
    """The interval of Self-BLEU, on its convention's scale."""
    convention = subject.options.self_bleu
    tokens = _sampled_tokens(subject)
    found = _interval(subject, value, lambda kept: self_bleu(tokens.take(kept), convention=convention))
    return _within(found, 1.0 if convention == "nltk" else 100.0)


def repetition_interval(subject: Subject, value: Value, formula: str) -> Spread:
    """The interval of self-repetition by one of its formulas."""
    tokens = _sampled_tokens(subject)
    return _within(
        _interval(subject, value, lambda kept: self_repetition(tokens.take(kept), formula=formula))
    )


def vocabulary_interval(subject: Subject, value: Value, of: Callable[[Vocabulary], Value]) -> Spread:
    """The interval of a figure of the unigrams' spectrum."""
    tokens = _sampled_tokens(subject)

    def measure(kept: Rows) -> Value:
        entries = Partitioner([tokens.take(kept)]).entries(1)
        return of(Vocabulary.of(Spectrum.of_entries(entries)))

    return _within(_interval(subject, value, measure))


def compression_interval(subject: Subject, value: Value) -> Spread:
    """The interval of the compression ratio. Texts keep their order, which a compressor sees, and
    are one block: whether a text that ends a block is left out would drown the rest."""
    texts = _sampled_texts(subject)
    return _within(_interval(subject, value, lambda kept: block_ratio(texts.take(kept))))


def _interval(subject: Subject, value: Value, measure: Callable[[Rows], Value]) -> Spread:
    if value.value is None:
        return NoInterval("there is no value")

    def measured(kept: Rows) -> float:
        return measure(kept).value or 0.0

    options, units = subject.options, subject.units
    drawn = units.take(_sampled_rows(subject))
    return rescaled_interval(
        measured,
        value.value,
        drawn.count,
        units.count,
        parts=None if units.alone else drawn.groups(GROUPS, options.seed),
        level=options.level,
        seed=options.seed,
    )


def _within(found: Spread, most: float = float("inf")) -> Spread:
    return found if isinstance(found, NoInterval) else found.within(0, most)


def _sampled_rows(subject: Subject) -> Rows:
    """Rows of a random sample of what was drawn, ascending; all of them where they are not too many."""
    sizes = pc.binary_length(subject.dataset.texts).to_numpy().astype(np.float64)
    if sizes.sum() <= subject.most_sampled_bytes:
        return np.arange(len(sizes))
    by_unit = subject.units.sums(sizes).astype(np.int64)
    drawn = affordable(by_unit, subject.most_sampled_bytes, subject.options.seed)
    return np.flatnonzero(np.isin(subject.units.of, drawn))


def _sampled_texts(subject: Subject) -> pa.ChunkedArray:
    rows = _sampled_rows(subject)
    return (
        subject.dataset.texts
        if len(rows) == len(subject.dataset)
        else subject.dataset.texts.take(pa.array(rows))
    )


def _sampled_tokens(subject: Subject) -> Tokens:
    return Tokens.of(_sampled_texts(subject), subject.options.tokenizer)
