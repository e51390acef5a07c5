"""The pictures of a measurement: what can be drawn of the subject, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce

from services.metrics.lexical import Tokens
from services.metrics.lexical.measures.heaps import HeapsFit, HeapsState
from services.metrics.measuring.coverage import covering
from services.metrics.measuring.subject import Subject, TextSet, heaps_step
from services.metrics.pictures.growth import GrowthCurve, vocabulary_growth
from services.metrics.pictures.lengths import length_histograms
from services.metrics.pictures.maps import Projection, embedding_map
from services.metrics.pictures.neighbourhoods import neighbourhoods
from services.metrics.pictures.picture import Picture
from services.metrics.problems import Unmeasurable

DATASET, REFERENCE = "dataset", "reference"


def lengths(subject: Subject) -> Picture:
    counts = {DATASET: subject.lengths.values().tolist()}
    if subject.reference is not None:
        counts[REFERENCE] = subject.reference_lengths.values().tolist()
    return length_histograms(counts, reference=REFERENCE, unit=_unit(subject))


def growth(subject: Subject) -> Picture:
    curves = {DATASET: _curve(subject.lexical.heaps)}
    if subject.reference is not None:
        fit = _heaps(subject.reference, subject.options.tokenizer, subject.reference_lengths.total)
        curves[REFERENCE] = _curve(fit)
    return vocabulary_growth(curves, reference=REFERENCE)


def coverage(subject: Subject) -> Picture:
    found = covering(subject)
    rows = subject.reference_embedded.rows
    return neighbourhoods(found.radius, found.distance, found.covered, rows=rows, k=found.k)


def map_pca(subject: Subject) -> Picture:
    return _map(subject, "pca")


def map_tsne(subject: Subject) -> Picture:
    return _map(subject, "tsne")


DRAW: Mapping[str, Callable[[Subject], Picture]] = {
    "lengths": lengths,
    "vocabulary_growth": growth,
    "coverage": coverage,
    "map_pca": map_pca,
    "map_tsne": map_tsne,
}


QUICK = ("lengths", "vocabulary_growth", "coverage", "map_pca")
"""Those that take no longer than the measures, as the t-SNE map does."""


def pictures(subject: Subject, asked: bool | Iterable[str]) -> Iterator[Picture]:
    """Of the pictures asked for (`True`: every quick one), those that these texts have."""
    names = () if asked is False else QUICK if asked is True else dict.fromkeys(asked)
    for name in names:
        try:
            yield DRAW[name](subject)
        except Unmeasurable:  # too few texts for this one: the values say so too
            continue


def _heaps(texts: TextSet, tokenizer: str, size: int) -> HeapsFit:
    tokens = (Tokens.of(shard, tokenizer) for _, shard in texts.shards())
    return reduce(HeapsState.merge, map(HeapsState.of, tokens)).fit(heaps_step(size))


def _curve(fit: HeapsFit) -> GrowthCurve:
    return GrowthCurve(fit.points[:, 0].tolist(), fit.points[:, 1].tolist(), fit.k.value, fit.beta.value)


def _map(subject: Subject, projection: Projection) -> Picture:
    shown = {DATASET: subject.embedded.vectors}
    if subject.reference is not None:
        shown[REFERENCE] = subject.reference_embedded.vectors
    return embedding_map(shown, projection=projection, reference=REFERENCE, seed=subject.options.seed)


def _unit(subject: Subject) -> str:
    return "words" if subject.options.tokenizer == "words" else f"{subject.options.tokenizer} tokens"
