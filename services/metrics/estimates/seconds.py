"""Seconds of the jobs on the measure queue, before anything runs: a model, as nobody prices CPU work.

    measure   BASE + words / WORDS_A_SECOND + embedded rows · EMBED + rows of a t-SNE map · MAP
    compare   the same over the group, without maps, `draws` times where its datasets differ in size
    mix, sample, split, filter, deduplicate, propose    BASE + rows / ROWS_A_SECOND
    report    BASE + REPORT + runs · RUN

The constants are CPU seconds of one core of an x86-64 server, fitted on the default measures of 150 to 4,168
rows of English prose (16,000 to 480,000 words): measuring and comparing took 0.55 to 1.1 times the model's.
BASE is what every job takes beside its work: its message, its lease, its records.
What is not known is told as a range: the machine, the texts, measures beyond the default ones, and whether a
worker has yet to compile its kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.contracts.base import JobRequest
from shared.contracts.fields import Range
from shared.contracts.measurement import (
    DEFAULT_METRICS,
    HASHED_NGRAMS,
    LEXICAL,
    ComparisonRequest,
    EmbeddingRequest,
    MeasurementRequest,
    MeasureOptions,
    Metric,
)
from shared.contracts.mixture import DeduplicationRequest
from shared.contracts.report import ReportRequest
from shared.contracts.surface import SurfaceRequest

BASE = 0.15
WORDS_A_SECOND = 170_000.0
"""Of all default measures together, dataset and reference counted alike."""
MAP = 0.0038
MAPPED = 1000
"""Rows of a side that a t-SNE map shows at most."""
PICTURES, BARS = 0.25, 3.5
EMBED = (0.001, 0.05)
"""Seconds a row for a sentence-transformers model: on a GPU, and on two CPU cores in float32."""
ROWS_A_SECOND = 60_000.0
NEAR_ROWS_A_SECOND = 20_000.0
REPORT, RUN = 1.0, 0.02
FASTER, SLOWER = 0.5, 4.0
"""Another machine, other texts, other workers on the same cores."""
DEARER = 5.0
"""Measures beyond the default ones (MMD's permutations, MAUVE, DCScore …) may take so many times as long."""
STARTING = 20.0
"""A worker's first measurement compiles its kernels and loads its fonts."""


def measuring_seconds(request: JobRequest, sides: Sequence[tuple[float, float]]) -> Range:
    """Seconds that the job is expected to take, its worker running already. `sides`: rows and words of each
    dataset that it reads, in the order in which the request names them."""
    if isinstance(request, SurfaceRequest):
        return _spread(BASE + RUN * len(request.mixtures))
    if isinstance(request, ReportRequest):
        return _spread(BASE + REPORT + RUN * len(request.runs))
    if isinstance(request, MeasurementRequest):
        return _measure(request, sides)
    if isinstance(request, ComparisonRequest):
        return _compare(request, sides)
    if isinstance(request, EmbeddingRequest):
        embedding = _embedding(request.embedding, min(sides[0][0], request.rows))
        return _spread(BASE + sides[0][1] / WORDS_A_SECOND, embedding)
    near = isinstance(request, DeduplicationRequest) and (request.similarity < 1 or request.test)
    rate = NEAR_ROWS_A_SECOND if near else ROWS_A_SECOND
    return _spread(BASE + sum(rows for rows, _ in sides) / rate)


def _measure(request: MeasurementRequest, sides: Sequence[tuple[float, float]]) -> Range:
    words = sum(words for _, words in sides)
    rows = sides[: 1 + (request.reference is not None)]
    drawn = PICTURES if request.pictures else 0.0
    if not isinstance(request.pictures, bool) and "map_tsne" in request.pictures:
        drawn += sum(min(count, MAPPED) for count, _ in rows) * MAP
    embedding = [_embedding(request.embedding, min(count, request.semantic_rows)) for count, _ in rows]
    whole = (sum(low for low, _ in embedding), sum(high for _, high in embedding))
    return _spread(BASE + words / WORDS_A_SECOND * _share(request) + drawn, whole, _dearer(request))


def _compare(request: ComparisonRequest, sides: Sequence[tuple[float, float]]) -> Range:
    group = sides[: len(request.datasets)]
    smallest = min(rows for rows, _ in group)
    words = sum(words for _, words in sides)
    cut = request.equal != "none" and any(rows != smallest for rows, _ in group)
    embedded = sum(min(rows, request.semantic_rows) for rows, _ in sides)
    low, high = _embedding(request.embedding, embedded)
    seconds = BASE + words / WORDS_A_SECOND * _share(request) + (BARS if request.pictures else 0.0)
    draws = request.draws if cut else 1
    return _spread(seconds, (low, high * draws), draws * _dearer(request))


def _share(request: MeasureOptions) -> float:
    """The share of the words' time that the metrics asked for take: by their number among the default ones,
    at least 0.1, as reading the words takes some of it whatever is measured."""
    asked = {metric for metric in request.metrics if metric is not Metric.DEFAULT}
    if len(asked) < len(request.metrics):
        return 1.0
    return max(0.1, min(1.0, len(asked & (LEXICAL | set(DEFAULT_METRICS))) / len(DEFAULT_METRICS)))


def _dearer(request: MeasureOptions) -> float:
    usual = {*DEFAULT_METRICS, *LEXICAL, Metric.DEFAULT, Metric.CONTAMINATION}
    return 1.0 if set(request.metrics) <= usual else DEARER


def _embedding(name: str, rows: float) -> tuple[float, float]:
    """Least and most seconds; none for the built-in hashed n-grams, whose time is in WORDS_A_SECOND."""
    return (0.0, 0.0) if name == HASHED_NGRAMS else (rows * EMBED[0], rows * EMBED[1])


def _spread(seconds: float, more: tuple[float, float] = (0.0, 0.0), dearer: float = 1.0) -> Range:
    """The model's `seconds` with the range that machines and texts make of them. `more` is a range to be
    added; measures beyond the default ones may make the highest value `dearer` times as large."""
    low, high = more
    return Range(
        low=seconds * FASTER + low,
        expected=seconds + (low * high) ** 0.5,
        high=seconds * SLOWER * dearer + high,
    )
