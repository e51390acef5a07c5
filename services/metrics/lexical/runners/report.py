"""The values of all lexical measures, from what the shards and the surveys found."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from services.metrics.lexical.measures.bleu import bleu_scores
from services.metrics.lexical.measures.distinct import ead_value
from services.metrics.lexical.measures.entropy import entropy
from services.metrics.lexical.measures.heaps import HeapsFit
from services.metrics.lexical.measures.lengths import Lengths
from services.metrics.lexical.measures.richness import RichnessState
from services.metrics.lexical.measures.self_bleu import mean_score, statistics, undefined
from services.metrics.lexical.measures.vocabulary import Vocabulary
from services.metrics.lexical.ngrams.spectrum import Spectrum
from services.metrics.lexical.runners.summary import Summary
from services.metrics.lexical.runners.survey import Survey
from services.metrics.lexical.settings import LexicalSettings
from services.metrics.lexical.values import NO_TEXTS, Value, too_short


@dataclass(frozen=True)
class LexicalValues:
    """Every lexical measure of a set of texts.

    distinct, ead, entropy    by order
    self_repetition           by formula
    hdd, mtld                 means over the texts long enough, with how many those are
    richness                  each text's HD-D and MTLD
    words, characters         the lengths of texts in tokens and in code points
    """

    texts: int
    tokens: int
    distinct: dict[int, Value]
    ead: dict[int, Value]
    entropy: dict[int, Value]
    ngram_diversity: Value
    self_bleu: Value
    self_repetition: dict[str, Value]
    compression: Value
    vocabulary: Vocabulary
    heaps: HeapsFit
    hdd: tuple[Value, int]
    mtld: tuple[Value, int]
    richness: RichnessState
    words: Lengths
    characters: Lengths
    settings: LexicalSettings


def lexical_values(summary: Summary, surveys: dict[int, Survey], settings: LexicalSettings) -> LexicalValues:
    """Values from merged states."""
    spectra = {order: found.spectrum for order, found in surveys.items()}
    orders = {order: spectra[order] for order in settings.orders}
    repetition = surveys[settings.repetition_order].repetition
    assert repetition is not None
    empty = Value.none(NO_TEXTS) if not len(summary.lengths) else None
    return LexicalValues(
        texts=len(summary.lengths),
        tokens=int(summary.lengths.sum()),
        distinct={n: empty or _distinct(spectrum, n) for n, spectrum in orders.items()},
        ead={
            n: empty or ead_value(spectrum.distinct, spectrum.total, n, settings.vocabulary)
            for n, spectrum in orders.items()
        },
        entropy={n: empty or entropy(spectrum, n) for n, spectrum in orders.items()},
        ngram_diversity=empty or _diversity([spectra[n] for n in range(1, settings.longest + 1)]),
        self_bleu=_self_bleu(summary, surveys, settings),
        self_repetition={formula: repetition.value(formula) for formula in ("paper", "package")},
        compression=summary.compression.value() if summary.compression else Value.none("not asked for"),
        vocabulary=Vocabulary.of(spectra[1]),
        heaps=summary.heaps.fit(settings.step),
        hdd=summary.richness.mean_hdd(),
        mtld=summary.richness.mean_mtld(),
        richness=summary.richness,
        words=summary.words,
        characters=summary.characters,
        settings=settings,
    )


def _distinct(spectrum: Spectrum, order: int) -> Value:
    return Value.ratio(spectrum.distinct, spectrum.total, too_short(order))


def _diversity(spectra: list[Spectrum]) -> Value:
    values = [_distinct(spectrum, order) for order, spectrum in enumerate(spectra, start=1)]
    missing = next((value for value in values if value.value is None), None)
    return missing or Value(math.fsum(value.value for value in values if value.value is not None))


def _self_bleu(summary: Summary, surveys: dict[int, Survey], settings: LexicalSettings) -> Value:
    reason = undefined(len(summary.lengths))
    if reason:
        return Value.none(reason)
    matches = np.stack([surveys[order].matches for order in range(1, settings.longest + 1)])  # type: ignore[misc]
    return mean_score(bleu_scores(statistics(matches, summary.lengths), settings.convention))
