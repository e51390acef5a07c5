"""Shift of a subject from its reference. Directions are real ‖ generated: reference first."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from scipy.stats import wasserstein_distance

from services.metrics.intervals.frechet import frechet_interval
from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.lexical.measures.divergence import JointSpectrum, joint_divergence
from services.metrics.measuring.semantic import about
from services.metrics.measuring.shift_intervals import (
    histogram_intervals,
    mauve_interval,
    mmd_interval,
    shift_interval,
    word_interval,
    word_intervals,
)
from services.metrics.measuring.subject import Subject, ngram_counts
from services.metrics.measuring.values import Estimator, measured
from services.metrics.semantic.moments import Moments
from services.metrics.shift.divergence import SMOOTHING, Divergence
from services.metrics.shift.frechet import frechet_distance
from services.metrics.shift.lengths import length_bins, length_shift
from services.metrics.shift.mauve import POINTS, SCALING, VARIANCE, mauve
from services.metrics.shift.mmd import mmd
from services.metrics.shift.quantised import quantised_shift
from services.metrics.shift.two_sample import two_sample
from shared.contracts.measurement import MeasuredValue

Values = Iterator[MeasuredValue]
DIRECTION = "real ‖ generated"
EXCERPT = 300
A_P_VALUE = NoInterval("a p-value has none: it is itself about the chance of which rows were drawn")


def unigrams(subject: Subject) -> Values:
    smoothing = subject.options.smoothing
    tokenizer = subject.options.tokenizer
    joint = JointSpectrum.of_counts(
        ngram_counts(subject.required_reference, tokenizer, 1), ngram_counts(subject.dataset, tokenizer, 1)
    )
    found = joint_divergence(joint, 1, smoothing=smoothing, base=math.e)
    told: dict[str, Estimator] = {
        "unit": "nats",
        "tokenizer": subject.options.tokenizer,
        "bins": "words of either side",
    }
    kl, js = word_intervals(subject, smoothing)
    yield measured(
        "kl_unigram",
        found.kl,
        {**told, "direction": DIRECTION, "smoothing": smoothing},
        kl,
        moves_with_size=True,
    )
    yield measured("js_unigram", found.js, {**told, "smoothing": 0.0}, js, moves_with_size=True)


def bigrams(subject: Subject) -> Values:
    """JS of pairs of neighbouring words: texts of the same words in another order differ by it."""
    tokenizer = subject.options.tokenizer
    joint = JointSpectrum.of_counts(
        ngram_counts(subject.required_reference, tokenizer, 2), ngram_counts(subject.dataset, tokenizer, 2)
    )
    yield measured(
        "js_bigram",
        joint_divergence(joint, 2, smoothing=SMOOTHING, base=math.e).js,
        {"unit": "nats", "tokenizer": tokenizer, "bins": "pairs of neighbouring words of either side"},
        word_interval(subject, "js", 2),
        moves_with_size=True,
    )


def lengths(subject: Subject) -> Values:
    options = subject.options
    real, generated = subject.reference_lengths.values(), subject.lengths.values()
    found = length_shift(real, generated, smoothing=options.smoothing)
    told: dict[str, Estimator] = {"tokenizer": options.tokenizer, "bins": found.binning}
    intervals = histogram_intervals(subject, length_bins(real), length_bins(generated), options.smoothing)
    yield from _divergences("length", found.divergence, told, intervals)
    yield measured(
        "wasserstein_length",
        found.wasserstein,
        {"equation": "mean distance lengths must move", "unit": "tokens", "tokenizer": options.tokenizer},
        shift_interval(
            subject,
            len(real),
            len(generated),
            lambda kept, also: float(wasserstein_distance(real[kept], generated[also])),
        ),
    )


def embeddings(subject: Subject) -> Values:
    options = subject.options
    found = quantised_shift(
        subject.reference_embedded.vectors,
        subject.embedded.vectors,
        clusters=options.clusters,
        fitted_on=options.codebook_fitted_on,
        smoothing=options.smoothing,
        seed=options.seed,
    )
    subject.details["embedding_shift"] = {
        "reference_counts": list(found.real_counts),
        "dataset_counts": list(found.generated_counts),
    }
    told = _about_both(subject) | {
        "bins": f"{found.clusters} k-means clusters fitted on {found.fitted_on}",
        "seed": options.seed,
    }
    intervals = histogram_intervals(subject, found.real_labels, found.generated_labels, options.smoothing)
    yield from _divergences("embedding", found.divergence, told, intervals)


def discrepancy(subject: Subject) -> Values:
    options = subject.options
    found = mmd(
        subject.reference_embedded.vectors,
        subject.embedded.vectors,
        permutations=options.permutations,
        seed=options.seed,
    )
    told = _about_both(subject) | {
        "kernel": "Gaussian, width the median distance",
        "width": found.bandwidth,
        "permutations": found.permutations,
        "seed": found.seed,
        "rows_used": found.generated_rows,
        "reference_rows_used": found.real_rows,
    }
    note = "unbiased, so it may be below 0 where there is no shift"
    yield measured(
        "mmd",
        found.squared,
        {**told, "equation": "unbiased MMD² (Gretton 2012, eq. 3)"},
        mmd_interval(subject, found),
        note=note,
    )
    yield measured("mmd_p_value", found.p_value, {**told, "equation": "permutation test"}, A_P_VALUE)


def frechet(subject: Subject) -> Values:
    real, generated = (subject.reference_embedded.vectors, subject.embedded.vectors)
    few = min(len(real), len(generated)) <= generated.shape[1]
    yield measured(
        "frechet",
        frechet_distance(Moments.of(real), Moments.of(generated)),
        {**_about_both(subject), "equation": "‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½)"},
        frechet_interval(real, generated, level=subject.options.level, seed=subject.options.seed),
        moves_with_size=True,
        note="fewer rows than dimensions: biased upwards" if few else "",
    )


def mauves(subject: Subject) -> Values:
    found = mauve(subject.reference_embedded.vectors, subject.embedded.vectors, seed=subject.options.seed)
    told = _about_both(subject) | {
        "clusters": found.clusters,
        "scaling": SCALING,
        "points": POINTS,
        "variance_kept": VARIANCE,
        "seed": found.seed,
    }
    yield measured(
        "mauve",
        found.value,
        {**told, "equation": "area under the divergence curve (2102.01454)"},
        mauve_interval(subject, found),
        moves_with_size=True,
        note="fewer than 1,000 texts a side: use it to rank equal-sized sets only" if found.small else "",
    )


def classifier(subject: Subject) -> Values:
    """The AUC, and in the details the rows that give the shift away, most telling first."""
    real, generated = (subject.reference_embedded, subject.embedded)
    found = two_sample(
        real.vectors, generated.vectors, seed=subject.options.seed, level=subject.options.level
    )
    subject.details["telling_rows"] = [
        {
            "side": "reference" if telltale.side == "real" else "dataset",
            "row": int((real if telltale.side == "real" else generated).rows[telltale.row]),
            "probability_generated": telltale.probability,
            "text": _excerpt(subject, telltale.side, telltale.row),
        }
        for telltale in found.telltales
    ]
    yield measured(
        "two_sample_auc",
        found.auc,
        {
            **_about_both(subject),
            "equation": f"logistic regression, {found.folds}-fold, held-out AUC (1610.06545)",
            "seed": found.seed,
        },
        found.interval,
        note="0.5: the sides cannot be told apart; 1: every row can",
    )


def _excerpt(subject: Subject, side: str, place: int) -> str:
    if side == "real":
        return subject.required_reference.text(int(subject.reference_embedded.rows[place]))[:EXCERPT]
    return subject.dataset.text(int(subject.embedded.rows[place]))[:EXCERPT]


def _divergences(
    over: str, found: Divergence, told: dict[str, Estimator], intervals: Mapping[str, Spread]
) -> Values:
    """KL and JS under their names."""
    common: dict[str, Estimator] = {"unit": "nats", "occupied_bins": found.bins, **told}
    yield measured(
        f"kl_{over}",
        found.kl,
        {**common, "direction": DIRECTION, "smoothing": found.smoothing},
        intervals["kl"],
        moves_with_size=True,
    )
    yield measured(
        f"kl_reverse_{over}",
        found.kl_reverse,
        {**common, "direction": "generated ‖ real", "smoothing": found.smoothing},
        intervals["kl_reverse"],
        moves_with_size=True,
    )
    yield measured(
        f"js_{over}", found.js, {**common, "smoothing": 0.0}, intervals["js"], moves_with_size=True
    )


def _about_both(subject: Subject) -> dict[str, Estimator]:
    return about(subject) | {"reference_rows": len(subject.reference_embedded.rows)}
