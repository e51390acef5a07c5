"""`moves_with_size` is what measuring at several sizes finds, not what somebody thought."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from benchmarks.coverage.designs import independent
from benchmarks.coverage.texts import Simulated
from services.metrics.measuring.measure import measure
from services.metrics.measuring.subject import Embedded, Subject, TextSet
from services.metrics.semantic.embedding import find_embedder
from shared.contracts.measurement import HASHED_NGRAMS, MeasureTextsRequest, Metric

SMALL, LARGE, DRAWS = 64, 512, 6
MEASURES = [
    Metric.DEFAULT,
    Metric.EAD,
    Metric.NGRAM_DIVERSITY,
    Metric.MMD,
    Metric.HDD,
    Metric.MTLD,
    Metric.CHAMFER,
]


def drawn(rows: int) -> tuple[dict[str, list[float]], dict[str, bool]]:
    """Values of several draws of so many shifted rows a side, and their marks."""
    found, marks = defaultdict(list), {}
    embedder = find_embedder(HASHED_NGRAMS, {}, precision="float32")
    source = Simulated()
    for draw in range(DRAWS):
        sides = independent(source, rows, np.random.default_rng([draw, rows]), True)
        request = MeasureTextsRequest(
            texts=sides.texts, reference=sides.reference, metrics=MEASURES, relabellings=19, permutations=19
        )

        def embed(texts: TextSet) -> Embedded:
            return Embedded(
                np.arange(len(texts)), embedder.embed(texts.texts.to_pylist()), embedder.description
            )

        subject = Subject(TextSet.of(sides.texts), request, embed, reference=TextSet.of(sides.reference))
        for value in measure(subject).values:
            if value.value is not None:
                found[value.name].append(value.value)
                marks[value.name] = value.moves_with_size
    return found, marks


def test_what_moves_with_size_is_marked() -> None:
    small, marks = drawn(SMALL)
    large, _ = drawn(LARGE)
    moved = set()
    for name in marks:
        one, other = np.asarray(small[name]), np.asarray(large[name])
        error = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / DRAWS)
        apart = abs(one.mean() - other.mean())
        if apart > 5 * error and apart > 0.02 * abs(other.mean()):
            moved.add(name)
    assert {name for name in moved if not marks[name]} == set()
    assert {"ead", "wasserstein_length", "two_sample_auc", "distinct_2", "js_unigram"} <= {
        name for name, marked in marks.items() if marked
    }
    assert len(moved) > 15
