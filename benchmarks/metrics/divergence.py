"""KL and Jensen-Shannon divergence of words and bigrams, 2 × 100,000 texts, beside Counter and scipy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import scipy
from nltk.util import ngrams
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr

from benchmarks.metrics.corpus import paragraphs, words
from benchmarks.metrics.results import Row, cpu_seconds, row
from services.metrics.lexical import Tokens, divergence

PLACE = 4
SMOOTHING = 0.5


def rows() -> Iterator[Row]:
    """All from the texts to the values, n = 1 and 2."""
    texts = paragraphs(200_000)
    column = pa.array(texts, pa.large_string())
    half = len(texts) // 2
    halves = column.slice(0, half), column.slice(half)
    ours, found = cpu_seconds(lambda: both(*halves), repeats=5)
    theirs, expected = cpu_seconds(
        lambda: [with_counter(texts[:half], texts[half:], order) for order in (1, 2)]
    )
    equal = bool(np.allclose(found, expected, rtol=1e-9))
    peer = f"Counter + scipy {scipy.__version__}"
    yield row("kl_js_vs_counter", peer, "", ours, theirs, equal=equal)


def both(real: pa.Array, generated: pa.Array) -> list[tuple[float | None, float | None]]:
    left, right = Tokens.of(real), Tokens.of(generated)
    found = [divergence(left, right, order, smoothing=SMOOTHING) for order in (1, 2)]
    return [(one.kl.value, one.js.value) for one in found]


def with_counter(real: list[str], generated: list[str], order: int) -> tuple[float, float]:
    counts = [
        Counter(gram for text in texts for gram in ngrams(words(text), order)) for texts in (real, generated)
    ]
    union = list(counts[0].keys() | counts[1].keys())
    p, q = (np.array([count[gram] for gram in union], float) for count in counts)
    js = jensenshannon(p, q, 2) ** 2
    p, q = ((count + SMOOTHING) / (count + SMOOTHING).sum() for count in (p, q))
    return float(rel_entr(p, q).sum() / np.log(2)), float(js)
