"""Measures of a subject's spread on its embeddings."""

from __future__ import annotations

import math
from collections.abc import Iterator

from services.metrics.intervals.pairs import mean_cosine_interval
from services.metrics.intervals.vendi import vendi_interval
from services.metrics.measuring.subject import Subject
from services.metrics.measuring.values import Estimator, measured
from services.metrics.semantic.clusters import cluster_spread
from services.metrics.semantic.dcscore import dcscore
from services.metrics.semantic.pairwise import chamfer, mean_cosine_distance, remote_clique
from services.metrics.semantic.vendi import vendi
from services.metrics.shift.quantised import default_clusters
from shared.contracts.measurement import MeasuredValue

Values = Iterator[MeasuredValue]


def vendi_scores(subject: Subject) -> Values:
    """One value an order: `vendi` is q = 1, others carry their q in the name."""
    vectors, options = (subject.embedded.vectors, subject.options)
    for asked in options.vendi_orders:
        order = math.inf if asked == "inf" else float(asked)
        interval = vendi_interval(vectors, order, level=options.level) if len(vectors) > 1 and order else None
        yield measured(
            "vendi"
            if order == 1
            else f"vendi_{asked:g}".replace(".", "_")
            if asked != "inf"
            else "vendi_inf",
            vendi(vectors, order),
            {
                **about(subject),
                "equation": "exp of the Rényi entropy of the eigenvalues of K/n (2210.02410, 2310.12952)",
                "order": str(asked),
            },
            interval,
            moves_with_size=True,
        )


def dcscores(subject: Subject) -> Values:
    temperature = subject.options.dcscore_temperature
    yield measured(
        "dcscore",
        dcscore(subject.embedded.vectors, temperature),
        {
            **about(subject),
            "equation": "Σ softmax(EEᵀ/τ)ᵢᵢ, rows of E normalised (2502.08512)",
            "temperature": temperature,
        },
        moves_with_size=True,
    )


def cosine_distance(subject: Subject) -> Values:
    vectors = subject.embedded.vectors
    interval = mean_cosine_interval(vectors, level=subject.options.level) if len(vectors) > 2 else None
    yield measured(
        "cosine_distance",
        mean_cosine_distance(vectors),
        {**about(subject), "equation": "mean of 1 − cos over all pairs (2511.01490)"},
        interval,
    )


def cliques(subject: Subject) -> Values:
    yield measured(
        "remote_clique",
        remote_clique(subject.embedded.vectors),
        {**about(subject), "equation": "mean angular distance to the other texts (2101.06030); 0 to 1"},
    )


def chamfers(subject: Subject) -> Values:
    yield measured(
        "chamfer",
        chamfer(subject.embedded.vectors),
        {
            **about(subject),
            "equation": "mean angular distance to the nearest other text (2101.06030); 0 to 1",
        },
        moves_with_size=True,
    )


def clusters(subject: Subject) -> Values:
    vectors, options = (subject.embedded.vectors, subject.options)
    spread = cluster_spread(vectors, options.clusters or default_clusters(len(vectors)), seed=options.seed)
    subject.details["cluster_counts"] = list(spread.counts)
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
            moves_with_size=True,
        )


def about(subject: Subject) -> dict[str, Estimator]:
    """What every value on embeddings depends on."""
    return {
        **subject.embedded.description,
        "rows": len(subject.embedded.rows),
        "sample_seed": subject.options.seed,
    }
