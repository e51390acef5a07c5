"""1,024 replicates of Distinct-2 over 10 million words, beside a loop.

It is the delete-a-group jackknife that intervals are made of. The loop does a few replicates, each equal to
ours, and its time is extrapolated to 1,024.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa

from benchmarks.metrics.corpus import paragraphs, words
from benchmarks.metrics.results import Row, cpu_seconds, row
from services.metrics.lexical import LeftOut, Tokens
from services.metrics.lexical.measures.intervals import REPLICATES

PLACE = 7
TEXTS = 200_000
LOOPED = 3
NOTE = f"the loop's {LOOPED} replicates extrapolated to {REPLICATES}"


def rows() -> Iterator[Row]:
    texts = paragraphs(TEXTS)
    column = pa.array(texts, pa.large_string())
    order = np.random.default_rng(0).permutation(TEXTS)
    group = np.empty(TEXTS, np.int64)
    group[order] = np.arange(TEXTS) * REPLICATES // TEXTS
    pairs = [list(pairwise(tokens)) for tokens in map(words, texts)]

    ours, left_out = cpu_seconds(lambda: LeftOut.of(Tokens.of(column), 2), repeats=3)
    theirs, expected = looped(pairs, lambda replicate: group != replicate)
    equal = left_out.distinct_n()[1 : 1 + LOOPED].tolist() == expected
    yield row("distinct_2_intervals_vs_loop", "a loop", "", ours, theirs, equal=equal, note=NOTE)


def looped(
    pairs: list[list[tuple[str, str]]], kept: Callable[[int], np.ndarray]
) -> tuple[float, list[float]]:
    """Distinct-2 of some replicates by sets of pairs made beforehand; CPU seconds for all replicates."""
    values = []
    start = time.process_time()
    for replicate in range(LOOPED):
        seen: set[tuple[str, str]] = set()
        total = 0
        for text in np.flatnonzero(kept(replicate)).tolist():
            seen.update(pairs[text])
            total += len(pairs[text])
        values.append(len(seen) / total)
    return (time.process_time() - start) / LOOPED * REPLICATES, values
