"""Lexical measures of a subject: all come from one pass over its shards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.intervals.means import mean_interval, student_interval
from services.metrics.intervals.shares import deviation_interval, quantile_interval
from services.metrics.lexical import Value
from services.metrics.lexical.measures.compression import BLOCK_LEVEL
from services.metrics.lexical.measures.contexts import ContextState
from services.metrics.lexical.measures.distinct import GPT2_VOCABULARY
from services.metrics.lexical.measures.intervals import LeftOut
from services.metrics.lexical.measures.repetition import ORDER as REPETITION_ORDER
from services.metrics.lexical.measures.self_bleu import LONGEST
from services.metrics.lexical.measures.sentences import (
    POOL,
    diversity_of_pools,
    diversity_within,
    drawn_pools,
)
from services.metrics.measuring.lexical_intervals import (
    compression_interval,
    repetition_interval,
    self_bleu_interval,
    vocabulary_interval,
)
from services.metrics.measuring.subject import MOST_JACKKNIFED, Subject
from services.metrics.measuring.values import Estimator, measured
from shared.contracts.measurement import MeasuredValue

Values = Iterator[MeasuredValue]
WITHIN = "n-grams do not cross the borders of texts"
CONVENTIONS = {
    "nltk": "nltk sentence_bleu, uniform weights, smoothing method 1; 0 to 1",
    "sacrebleu": "sacrebleu sentence BLEU, effective order, exponential smoothing; 0 to 100",
}
ONE_CONTEXT = NoInterval("contexts are what is drawn, and there is one")
SHARED_PROMPTS = NoInterval("texts share prompts, and its groups are of single texts: there is no interval")
SHARED = NoInterval(
    "texts share prompts or are copies, and it is a mean over some of them: there is no interval"
)
ONE_TEXT = NoInterval("one text alone says nothing of how others would differ")
TOO_MANY = NoInterval(f"above {MOST_JACKKNIFED:,} tokens there is no interval")
ONE_POOL = NoInterval(f"pools of {POOL} texts are what is drawn, and there is one")
TOO_FEW_SENTENCES = "no text, or pool of texts, has two sentences of four words"
LONGER = "falls as texts have more sentences: compare texts of equal length"
HIGHER_IS_LESS = "higher is less diverse"


def distinct(subject: Subject) -> Values:
    """Distinct-n, n = 1 … max_order: equation 6, and for `qa` the sum over contexts, equation 5."""
    contexts = subject.dataset.contexts
    pooled = "distinct_pooled_" if contexts is not None else "distinct_"
    for order in range(1, subject.options.max_order + 1):
        yield measured(
            f"{pooled}{order}",
            subject.lexical.distinct[order],
            {
                **_ngrams(subject, order),
                "equation": "different / all n-grams of all texts (2506.19262 eq. 6)",
            },
            jackknife(subject, order, LeftOut.distinct_n, most=1),
            moves_with_size=True,
        )
    if contexts is not None:
        yield from _distinct_by_context(subject, contexts)


def _distinct_by_context(subject: Subject, contexts: Sequence[str]) -> Values:
    """Equation 5. Its interval takes contexts, not texts, as what was drawn: a context's texts are alike."""
    for order in range(1, subject.options.max_order + 1):
        state: ContextState | None = None
        for start, tokens in subject.tokens_by_shard():
            shard = ContextState.of(tokens, contexts[start : start + len(tokens)], order)
            state = shard if state is None else state.merge(shard)
        assert state is not None
        ratios = [value.value for value in state.by_context().values() if value.value is not None]
        spread = student_interval(ratios, level=subject.options.level) if len(ratios) > 1 else ONE_CONTEXT
        yield measured(
            f"distinct_{order}",
            state.value(),
            {
                **_ngrams(subject, order),
                "equation": "sum over contexts of different / all n-grams (2506.19262 eq. 5)",
                "contexts": len(state.labels),
            },
            spread if isinstance(spread, NoInterval) else spread.scaled(len(ratios)),
            moves_with_size=True,
            note="grows with the number of contexts: compare sets over the same contexts",
        )


def ead(subject: Subject) -> Values:
    yield measured(
        "ead",
        subject.lexical.ead[1],
        {
            **_ngrams(subject, 1),
            "equation": "different / expected of uniform draws (2202.13587)",
            "vocabulary": GPT2_VOCABULARY,
        },
        jackknife(subject, 1, LeftOut.ead),
        moves_with_size=True,
    )


def diversity(subject: Subject) -> Values:
    def summed(last: LeftOut) -> NDArray[np.float64]:
        parts = [left_out for order in range(1, LONGEST) if (left_out := subject.left_out(order)) is not None]
        return np.asarray(np.sum([part.distinct_n() for part in (*parts, last)], axis=0))

    yield measured(
        "ngram_diversity",
        subject.lexical.ngram_diversity,
        {
            "equation": "sum of Distinct-1 to Distinct-4 (2403.00553); 0 to 4",
            "tokenizer": subject.options.tokenizer,
            "borders": WITHIN,
        },
        jackknife(subject, LONGEST, summed),
        moves_with_size=True,
    )


def entropies(subject: Subject) -> Values:
    """Entropies of the n-grams in bits."""
    for order in range(1, min(3, subject.options.max_order) + 1):
        yield measured(
            f"entropy_{order}",
            subject.lexical.entropy[order],
            {**_ngrams(subject, order), "equation": "−Σ p log₂ p over n-grams, plug-in", "unit": "bits"},
            jackknife(subject, order, LeftOut.entropy),
            moves_with_size=True,
        )


def bleu(subject: Subject) -> Values:
    yield measured(
        "self_bleu",
        subject.lexical.self_bleu,
        {
            **_ngrams(subject, LONGEST),
            "equation": "mean BLEU of each text against all others",
            "convention": CONVENTIONS[subject.options.self_bleu],
        },
        self_bleu_interval(subject, subject.lexical.self_bleu),
        moves_with_size=True,
        note=HIGHER_IS_LESS,
    )


def sentence_diversity(subject: Subject) -> Values:
    """Within each text, and over pools of 100 texts: the two may disagree, and both are given."""
    dataset, options = subject.dataset, subject.options
    told: dict[str, Estimator] = {
        "equation": "100·(1 − Self-BLEU) of sentences of 4 words or more (2511.01490); 0 to 100",
        "convention": CONVENTIONS["sacrebleu"],
        "tokenizer": options.tokenizer,
        "sentences": "end at `. ! ? …`, `。！？`, `।` and their kin or a line's end; titles, initials "
        "and what stands in quotation marks end none; markdown is stripped",
    }
    within = np.concatenate(
        [diversity_within(shard.to_pylist(), options.tokenizer) for _, shard in dataset.shards()]
    )
    value = Value(float(within.mean())) if len(within) else Value.none(TOO_FEW_SENTENCES)
    told_within = told | {"texts": len(within)}
    yield measured("sentence_diversity_within", value, told_within, _of_long(subject, within), note=LONGER)
    rows, pools = drawn_pools(len(dataset), options.seed)
    pooled = diversity_of_pools(dataset.take(rows).texts.to_pylist(), pools, options.tokenizer)
    yield measured(
        "sentence_diversity_pooled",
        Value(float(pooled.mean())) if len(pooled) else Value.none(TOO_FEW_SENTENCES),
        told | {"pools": len(pooled), "texts_in_a_pool": min(POOL, len(dataset)), "seed": options.seed},
        SHARED
        if not subject.units.alone
        else student_interval(pooled, level=options.level)
        if len(pooled) > 1
        else ONE_POOL,
        moves_with_size=len(dataset) < POOL,
        note=LONGER,
    )


def compression(subject: Subject) -> Values:
    yield measured(
        "compression_ratio",
        subject.lexical.compression,
        {"equation": "bytes / gzip bytes, once, in blocks of about 1 MiB", "level": BLOCK_LEVEL},
        compression_interval(subject, subject.lexical.compression),
        moves_with_size=True,
        note=HIGHER_IS_LESS,
    )


def repetition(subject: Subject) -> Values:
    for formula, name in (("paper", "self_repetition"), ("package", "self_repetition_package")):
        value = subject.lexical.self_repetition[formula]
        yield measured(
            name,
            value,
            {**_ngrams(subject, REPETITION_ORDER), "equation": f"the {formula}'s formula (2403.00553)"},
            repetition_interval(subject, value, formula),
            moves_with_size=True,
            note=HIGHER_IS_LESS,
        )


def vocabulary(subject: Subject) -> Values:
    found = subject.lexical.vocabulary
    told: dict[str, Estimator] = {"tokenizer": subject.options.tokenizer}
    types = jackknife(subject, 1, lambda left_out: left_out.distinct.astype(np.float64))
    ratio = jackknife(subject, 1, LeftOut.distinct_n, most=1)
    hapaxes = vocabulary_interval(subject, found.hapax_share, lambda one: one.hapax_share)
    yule = vocabulary_interval(subject, found.yule, lambda one: one.yule)
    yield measured("vocabulary", float(found.types), told, types, moves_with_size=True)
    yield measured("type_token_ratio", found.type_token_ratio, told, ratio, moves_with_size=True)
    yield measured("hapax_share", found.hapax_share, told, hapaxes, moves_with_size=True)
    yield measured("yule_k", found.yule, told, yule)


def heaps(subject: Subject) -> Values:
    """Heaps' law; for fewer than 20,000 tokens the points are closer than 1,000, and it is said."""
    fit = subject.lexical.heaps
    subject.details["vocabulary_growth"] = fit.points.tolist()
    for name, value, interval in (
        ("heaps_k", fit.k, fit.k_interval),
        ("heaps_beta", fit.beta, fit.beta_interval),
    ):
        yield measured(
            name,
            value,
            {
                "equation": "V(n) = K·n^β, least squares of log V on log n",
                "tokenizer": subject.options.tokenizer,
                "points_every": subject.heaps_step,
            },
            SHARED_PROMPTS if subject.units.by_key else interval,
            moves_with_size=True,
        )


def lengths(subject: Subject) -> Values:
    options, words = subject.options, subject.lengths
    subject.details["lengths"] = {"lengths": words.lengths.tolist(), "texts": words.texts.tolist()}
    by_row = not subject.units.alone
    data = np.asarray(subject.tokens.lengths if by_row else words.values(), np.float64)
    told: dict[str, Estimator] = {"tokenizer": options.tokenizer, "unit": "tokens"}
    yield measured("length_mean", words.mean(), told, _of_mean(subject, data))
    spread = deviation_interval(data, units=subject.units, level=options.level)
    yield measured("length_sd", words.standard_deviation(), told, spread)
    for name, at in {"length_p05": 0.05, "length_median": 0.5, "length_p95": 0.95}.items():
        found = quantile_interval(data, at, units=subject.units, level=options.level)
        yield measured(name, words.quantiles([at])[0], told, found)
    characters = subject.lexical.characters
    unit: dict[str, Estimator] = {"unit": "Unicode code points"}
    counts = subject.tokens.characters if by_row else characters.values()
    many = _of_mean(subject, np.asarray(counts, np.float64))
    yield measured("characters_mean", characters.mean(), unit, many)


def hdd(subject: Subject) -> Values:
    value, texts = subject.lexical.hdd
    told: dict[str, Estimator] = {"tokenizer": subject.options.tokenizer, "texts": texts}
    interval = _of_long(subject, subject.lexical.richness.long_hdd())
    yield measured("hdd", value, {"equation": "HD-D, mean over texts", **told}, interval)


def mtld(subject: Subject) -> Values:
    value, texts = subject.lexical.mtld
    told: dict[str, Estimator] = {"tokenizer": subject.options.tokenizer, "texts": texts}
    interval = _of_long(subject, subject.lexical.richness.long_mtld())
    yield measured("mtld", value, {"equation": "MTLD, mean over texts", **told}, interval)


def _of_long(subject: Subject, values: NDArray[np.float64]) -> Spread:
    """Of a mean over some of the texts."""
    return _of_mean(subject, values) if subject.units.alone else SHARED


def _of_mean(subject: Subject, values: NDArray[np.float64]) -> Spread:
    options = subject.options
    if not subject.units.alone:
        return subject.units.around(
            float(values.mean()), (values - values.mean()) / len(values), options.level
        )
    return mean_interval(values, level=options.level, seed=options.seed) if len(values) > 1 else ONE_TEXT


def jackknife(
    subject: Subject,
    order: int,
    measure: Callable[[LeftOut], NDArray[np.float64]],
    *,
    most: float = np.inf,
) -> Spread:
    """The interval of a measure of n-grams from its values without one group of texts at a time.

    None for a single text, and above 20 million tokens.
    """
    left_out = subject.left_out(order)
    if left_out is None:
        return ONE_TEXT if len(subject.dataset) < 2 else TOO_MANY
    found = left_out.interval(measure(left_out), subject.options.level)
    if isinstance(found, NoInterval):
        return found
    return replace(found.within(0, most), seed=subject.options.seed)


def _ngrams(subject: Subject, order: int) -> dict[str, Estimator]:
    return {"n": order, "tokenizer": subject.options.tokenizer, "borders": WITHIN}
