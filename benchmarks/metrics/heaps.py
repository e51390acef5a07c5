"""Heaps' law over 10 million words, a point every 1,000, beside a Python set and numpy's least squares."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from benchmarks.metrics.corpus import paragraphs, words
from benchmarks.metrics.results import Row, cpu_seconds, row
from services.metrics.lexical import HeapsState, Tokens
from services.metrics.lexical.measures.heaps import log_line

PLACE = 6
STEP = 1000


def rows() -> Iterator[Row]:
    """Points and fit on both sides; and, in a row of its own, ours with the jackknife intervals too."""
    texts = paragraphs(200_000)
    column = pa.array(texts, pa.large_string())
    ours, (points, line) = cpu_seconds(lambda: ours_once(column), repeats=5)
    theirs, (expected, fit) = cpu_seconds(lambda: with_a_set(texts))
    equal = points.tolist() == expected and bool(np.allclose(line, fit, rtol=1e-9))
    yield row("heaps_vs_set", "a Python set, numpy.polyfit", np.__version__, ours, theirs, equal=equal)

    ours, found = cpu_seconds(lambda: HeapsState.of(Tokens.of(column)).fit(STEP), repeats=3)
    equal = bool(np.isclose(found.beta.value, fit[1], rtol=1e-9))
    yield row(
        "heaps_with_intervals", "a Python set, numpy.polyfit", np.__version__, ours, theirs, equal=equal
    )


def ours_once(column: pa.Array) -> tuple[np.ndarray, tuple[float, float]]:
    points = HeapsState.of(Tokens.of(column)).points(STEP)
    return points, log_line(points)


def with_a_set(texts: list[str]) -> tuple[list[list[int]], tuple[float, float]]:
    seen: set[str] = set()
    points, count = [], 0
    for text in texts:
        for word in words(text):
            seen.add(word)
            count += 1
            if count % STEP == 0:
                points.append([count, len(seen)])
    slope, intercept = np.polyfit(*np.log(np.array(points)).T, 1)
    return points, (float(intercept), float(slope))
