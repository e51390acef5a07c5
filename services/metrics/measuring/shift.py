"""Shift of a subject from its reference. Directions are real ‖ generated: reference first."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.frechet import frechet_interval, relabelled_distances
from services.metrics.intervals.interval import Interval, NoInterval
from services.metrics.lexical import Tokens, Value
from services.metrics.lexical.measures.divergence import INFINITE, JointSpectrum, joint_divergence
from services.metrics.measuring.semantic import about
from services.metrics.measuring.shift_intervals import (
    Remeasured,
    at_equal_size,
    by_units,
    floor_of,
    histogram,
    notes_of,
    twins_told,
    word_pairs,
    words,
)
from services.metrics.measuring.subject import Subject, ngram_counts
from services.metrics.measuring.values import Estimator, measured, undefined
from services.metrics.problems import Unmeasurable
from services.metrics.semantic.moments import Moments
from services.metrics.shift.counted import Counted
from services.metrics.shift.divergence import Divergence
from services.metrics.shift.frechet import frechet_distance
from services.metrics.shift.lengths import length_bins, length_shift, wasserstein
from services.metrics.shift.mauve import POINTS, SCALING, VARIANCE, mauve
from services.metrics.shift.mmd import mmd, mmd_interval
from services.metrics.shift.quantised import quantised_shift
from services.metrics.shift.two_sample import two_sample
from shared.contracts.measurement import MeasuredValue

Values = Iterator[MeasuredValue]
DIRECTION = "real ‖ generated"
EXCERPT = 300
ONE_SIDED = (
    "clusters were fitted on the reference alone, which lies nearer to them without any shift too: the "
    "excess is a little high"
)
A_P_VALUE = NoInterval("a p-value has none: it is itself about the chance of which rows were drawn")


def unigrams(subject: Subject) -> Values:
    smoothing, tokenizer = subject.options.smoothing, subject.options.tokenizer
    joint = JointSpectrum.of_counts(
        ngram_counts(subject.required_reference, tokenizer, 1), ngram_counts(subject.dataset, tokenizer, 1)
    )
    found = joint_divergence(joint, 1, smoothing=smoothing, base=math.e)
    again = words(subject, smoothing)
    told: dict[str, Estimator] = {"unit": "nats", "tokenizer": tokenizer, "bins": "words of either side"}
    yield again.told("kl_unigram", "kl", found.kl, {**told, "direction": DIRECTION, "smoothing": smoothing})
    yield again.told("js_unigram", "js", found.js, {**told, "smoothing": 0.0})


def bigrams(subject: Subject) -> Values:
    """JS of pairs of neighbouring words: texts of the same words in another order differ by it."""
    tokenizer = subject.options.tokenizer
    joint = JointSpectrum.of_counts(
        ngram_counts(subject.required_reference, tokenizer, 2), ngram_counts(subject.dataset, tokenizer, 2)
    )
    found = joint_divergence(joint, 2, smoothing=subject.options.smoothing, base=math.e)
    told: dict[str, Estimator] = {
        "unit": "nats",
        "tokenizer": tokenizer,
        "bins": "pairs of neighbouring words of either side",
        "smoothing": 0.0,
    }
    yield word_pairs(subject).told("js_bigram", "js", found.js, told)


def lengths(subject: Subject) -> Values:
    options, sides = subject.options, subject.sides
    # Row by row, as they stand in their sets: what is relabelled or left out are rows.
    real, generated = (
        Tokens.of(texts.texts, options.tokenizer).lengths
        for texts in (subject.required_reference, subject.dataset)
    )
    found = length_shift(real, generated, smoothing=options.smoothing)
    told: dict[str, Estimator] = {"tokenizer": options.tokenizer, "bins": found.binning}
    again = histogram(subject, sides, length_bins(real), length_bins(generated), options.smoothing)
    yield from _divergences("length", found.divergence, told, again, bins_fitted=False)
    pooled = np.concatenate([real, generated])
    moved = Remeasured.of(subject, sides, lambda one, other: {"moved": wasserstein(pooled, one, other)})
    yield moved.told(
        "wasserstein_length",
        "moved",
        found.wasserstein,
        {"equation": "mean distance lengths must move", "unit": "tokens", "tokenizer": options.tokenizer},
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
    sides = subject.embedded_sides
    again = histogram(subject, sides, found.real_labels, found.generated_labels, options.smoothing)
    yield from _divergences(
        "embedding",
        found.divergence,
        told,
        again,
        bins_fitted=True,
        note="; ".join(
            note
            for note in (ONE_SIDED if found.fitted_on == "reference" else "", twins_told(subject))
            if note
        ),
    )


def discrepancy(subject: Subject) -> Values:
    options, sides = subject.options, subject.embedded_sides
    found = mmd(
        subject.reference_embedded.vectors,
        subject.embedded.vectors,
        units=sides.units,
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
    unpaired = twins_told(subject)
    if unpaired:
        yield undefined("mmd", unpaired)
        yield undefined("mmd_p_value", unpaired)
        return
    interval = mmd_interval(found, options.level)
    if isinstance(interval, Interval):
        interval = by_units(sides, interval)
    yield measured(
        "mmd",
        found.squared,
        {**told, "equation": "unbiased MMD² (Gretton 2012, eq. 3)"},
        interval,
        no_shift=floor_of(subject, sides, found.squared, found.relabelled, interval),
        note="unbiased, so it may be below 0 where there is no shift",
    )
    yield measured("mmd_p_value", found.p_value, {**told, "equation": "permutation test"}, A_P_VALUE)


def frechet(subject: Subject) -> Values:
    real, generated = (subject.reference_embedded.vectors, subject.embedded.vectors)
    options, sides = subject.options, subject.embedded_sides
    few = min(len(real), len(generated)) <= generated.shape[1]
    value = frechet_distance(Moments.of(real), Moments.of(generated))
    relabelled = relabelled_distances(real, generated, sides, options.relabellings, seed=options.seed)
    interval = frechet_interval(
        real, generated, sides=sides, relabelled=relabelled, level=options.level, seed=options.seed
    )
    if isinstance(interval, Interval):
        interval = by_units(sides, interval)
    notes = (
        "fewer rows than dimensions: biased upwards" if few else "",
        twins_told(subject),
        *notes_of(sides),
    )
    yield measured(
        "frechet",
        value,
        {**_about_both(subject), "equation": "‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁^½ Σ₂ Σ₁^½)^½)"},
        interval,
        moves_with_size=True,
        no_shift=floor_of(subject, sides, value, relabelled, interval),
        equal_size=at_equal_size(
            sides,
            lambda kept, also: frechet_distance(Moments.of(real[kept]), Moments.of(generated[also])),
            options.seed,
        ),
        note="; ".join(note for note in notes if note),
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
    counted = Counted.bins(np.concatenate([found.real_labels, found.generated_labels]))
    again = Remeasured.of(subject, subject.embedded_sides, counted.mauve)
    few = "fewer than 1,000 texts a side: use it to rank equal-sized sets only" if found.small else ""
    yield again.told(
        "mauve",
        "mauve",
        found.value,
        {**told, "equation": "area under the divergence curve (2102.01454)"},
        most=1,
        falls=True,
        bins_fitted=True,
        note="; ".join(note for note in (few, twins_told(subject)) if note),
    )


def classifier(subject: Subject) -> Values:
    """The AUC, and in the details the rows that give the shift away, most telling first."""
    real, generated = (subject.reference_embedded, subject.embedded)
    options, sides = subject.options, subject.embedded_sides
    found = two_sample(
        real.vectors,
        generated.vectors,
        units=sides.units,
        relabellings=options.relabellings,
        seed=options.seed,
        level=options.level,
    )
    unpaired = twins_told(subject)
    if unpaired:
        yield undefined("two_sample_auc", unpaired)
        return
    subject.details["telling_rows"] = [
        {
            "side": "reference" if telltale.side == "real" else "dataset",
            "row": int((real if telltale.side == "real" else generated).rows[telltale.row]),
            "probability_generated": telltale.probability,
            "text": _excerpt(subject, telltale.side, telltale.row),
        }
        for telltale in found.telltales
    ]
    interval = by_units(sides, found.interval)
    yield measured(
        "two_sample_auc",
        found.auc,
        {
            **_about_both(subject),
            "equation": f"linear classifier (one Newton step of logistic regression), {found.folds}-fold, "
            "held-out AUC (1610.06545)",
            "seed": found.seed,
        },
        interval,
        moves_with_size=True,
        no_shift=floor_of(subject, sides, found.auc, found.relabelled, interval),
        equal_size=at_equal_size(sides, lambda kept, also: _auc(subject, kept, also), options.seed),
        note="; ".join(("0.5: the sides cannot be told apart; 1: every row can", *notes_of(sides))),
    )


def _auc(subject: Subject, kept: NDArray[np.int64], also: NDArray[np.int64]) -> float:
    """Of some rows of each side; not a number where they are too few."""
    real, generated = subject.reference_embedded.vectors, subject.embedded.vectors
    units = subject.embedded_sides.units.take(np.concatenate([kept, len(real) + also]))
    try:
        found = two_sample(
            real[kept], generated[also], units=units, relabellings=0, seed=subject.options.seed
        )
    except Unmeasurable:
        return math.nan
    return found.auc


def _excerpt(subject: Subject, side: str, place: int) -> str:
    if side == "real":
        return subject.required_reference.text(int(subject.reference_embedded.rows[place]))[:EXCERPT]
    return subject.dataset.text(int(subject.embedded.rows[place]))[:EXCERPT]


def _divergences(
    over: str,
    found: Divergence,
    told: dict[str, Estimator],
    again: Remeasured,
    *,
    bins_fitted: bool,
    note: str = "",
) -> Values:
    """KL and JS under their names."""
    common: dict[str, Estimator] = {"unit": "nats", "occupied_bins": found.bins, **told}
    directed = {**common, "smoothing": found.smoothing}
    for name, value, estimator in (
        ("kl", found.kl, {**directed, "direction": DIRECTION}),
        ("kl_reverse", found.kl_reverse, {**directed, "direction": "generated ‖ real"}),
        ("js", found.js, {**common, "smoothing": 0.0}),
    ):
        number = value if math.isfinite(value) else Value.none(INFINITE)
        yield again.told(f"{name}_{over}", name, number, estimator, bins_fitted=bins_fitted, note=note)


def _about_both(subject: Subject) -> dict[str, Estimator]:
    return about(subject) | {"reference_rows": len(subject.reference_embedded.rows)}
