"""Measures of a subject's spread on its embeddings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from services.metrics.intervals.clusters import cluster_intervals, count_intervals
from services.metrics.intervals.interval import NoInterval, Spread
from services.metrics.intervals.jackknife import delete_one_interval
from services.metrics.intervals.pairs import mean_cosine_interval, pair_mean_interval
from services.metrics.intervals.vendi import vendi_interval
from services.metrics.measuring.subject import Subject
from services.metrics.measuring.values import Estimator, measured
from services.metrics.semantic.clusters import cluster_spread
from services.metrics.semantic.dcscore import dcscore, dcscore_without_each
from services.metrics.semantic.pairwise import (
    chamfer,
    chamfer_without_each,
    distances_to_others,
    mean_cosine_distance,
)
from services.metrics.semantic.vendi import vendi
from services.metrics.shift.quantised import default_clusters
from shared.contracts.measurement import MeasuredValue

Values = Iterator[MeasuredValue]
NEAREST = NoInterval(
    "rows share prompts or are copies, and which row is nearest does not add up over them: there is no "
    "interval"
)
IN_CLUSTERS = NoInterval(
    "rows share prompts or are copies, and clusters were fitted to them: there is no interval that knows"
)
TOO_FEW = NoInterval("an interval of a measure of pairs needs 3 rows")


def vendi_scores(subject: Subject) -> Values:
    """One value an order: `vendi` is q = 1, others carry their q in the name."""
    vectors, options = (subject.embedded.vectors, subject.options)
    for asked in options.vendi_orders:
        order = math.inf if asked == "inf" else float(asked)
        value = vendi(vectors, order)
        interval: Spread
        if order == 0:
            interval = NoInterval("of order 0 the score counts dimensions")
        elif len(vectors) < 2:
            interval = NoInterval("an interval of a Vendi score needs 2 rows")
        else:
            units = subject.embedded_units
            interval = vendi_interval(vectors, order, value=value, units=units, level=options.level)
        yield measured(
            "vendi"
            if order == 1
            else f"vendi_{asked:g}".replace(".", "_")
            if asked != "inf"
            else "vendi_inf",
            value,
            {
                **about(subject),
                "equation": "exp of the Rényi entropy of the eigenvalues of K/n (2210.02410, 2310.12952)",
                "order": str(asked),
            },
            interval,
            moves_with_size=True,
        )


def dcscores(subject: Subject) -> Values:
    vectors, temperature = subject.embedded.vectors, subject.options.dcscore_temperature
    value = dcscore(vectors, temperature)
    yield measured(
        "dcscore",
        value,
        {
            **about(subject),
            "equation": "Σ softmax(EEᵀ/τ)ᵢᵢ, rows of E normalised (2502.08512)",
            "temperature": temperature,
        },
        _dcscore_interval(subject, value),
        moves_with_size=True,
    )


def cosine_distance(subject: Subject) -> Values:
    vectors = subject.embedded.vectors
    level = subject.options.level
    units = subject.embedded_units
    interval = mean_cosine_interval(vectors, units=units, level=level) if len(vectors) > 2 else TOO_FEW
    yield measured(
        "cosine_distance",
        mean_cosine_distance(vectors),
        {**about(subject), "equation": "mean of 1 − cos over all pairs (2511.01490)"},
        interval,
    )


def cliques(subject: Subject) -> Values:
    own = distances_to_others(subject.embedded.vectors)
    value, level = float(own.mean()), subject.options.level
    yield measured(
        "remote_clique",
        value,
        {**about(subject), "equation": "mean angular distance to the other texts (2101.06030); 0 to 1"},
        _clique_interval(subject, own, value, level),
    )


def chamfers(subject: Subject) -> Values:
    value = chamfer(subject.embedded.vectors)
    yield measured(
        "chamfer",
        value,
        {
            **about(subject),
            "equation": "mean angular distance to the nearest other text (2101.06030); 0 to 1",
        },
        _chamfer_interval(subject, value),
        moves_with_size=True,
    )


def clusters(subject: Subject) -> Values:
    vectors, options = (subject.embedded.vectors, subject.options)
    spread = cluster_spread(vectors, options.clusters or default_clusters(len(vectors)), seed=options.seed)
    intervals: Mapping[str, Spread] = cluster_intervals(spread, options.level)
    if not subject.embedded_units.alone:
        intervals = dict.fromkeys(intervals, IN_CLUSTERS)
    subject.details["cluster_counts"] = list(spread.counts)
    subject.details["cluster_share_intervals"] = count_intervals(spread.counts, level=options.level)
    for name, value in {
        "cluster_entropy": spread.entropy,
        "cluster_evenness": spread.evenness,
        "clusters_effective": spread.effective,
        "clusters_occupied": float(len(spread.counts)),
    }.items():
        yield measured(
            name,
            value,
            {
                **about(subject),
                "equation": "k-means (mini-batch, 3 starts); entropy in nats",
                "clusters": spread.k,
                "seed": options.seed,
            },
            intervals[name],
            moves_with_size=True,
        )


def _clique_interval(subject: Subject, own: NDArray[np.float64], value: float, level: float) -> Spread:
    if len(own) < 3:
        return TOO_FEW
    return pair_mean_interval(own, value, units=subject.embedded_units, level=level).within(0, 1)


def _dcscore_interval(subject: Subject, value: float) -> Spread:
    vectors, options = subject.embedded.vectors, subject.options
    if len(vectors) < 3:
        return TOO_FEW
    without = dcscore_without_each(vectors, options.dcscore_temperature)
    if not subject.embedded_units.alone:
        # To first order, what the rows of a unit do adds up.
        found = subject.embedded_units.around(value, without.mean() - without, options.level)
        return found.within(1, len(vectors))
    return delete_one_interval(value, without, level=options.level).within(1, len(vectors))


def _chamfer_interval(subject: Subject, value: float) -> Spread:
    """On the wide side, by up to twice: nearest neighbours are not smooth in the rows. Its bias falls too
    slowly with rows for the jackknife to tell."""
    vectors = subject.embedded.vectors
    if len(vectors) < 3:
        return TOO_FEW
    if not subject.embedded_units.alone:
        return NEAREST
    found = delete_one_interval(value, chamfer_without_each(vectors), level=subject.options.level)
    return replace(found.within(0, 1), bias=None)


def about(subject: Subject) -> dict[str, Estimator]:
    """What every value on embeddings depends on."""
    return {
        **subject.embedded.description,
        "rows": len(subject.embedded.rows),
        "sample_seed": subject.options.seed,
    }
