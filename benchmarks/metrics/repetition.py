"""Self-repetition of 16,000 texts beside `diversity`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.metrics.corpus import paragraphs
from benchmarks.metrics.peers import diversity, version
from benchmarks.metrics.results import Row, cpu_seconds, row
from services.metrics.lexical import Tokens, self_repetition

PLACE = 3


def rows() -> Iterator[Row]:
    """The package's formula on its own tokens (`str.split`)."""
    texts = paragraphs(16_000)
    ours, value = cpu_seconds(
        lambda: self_repetition(Tokens.of(texts, "whitespace"), 4, formula="package"), repeats=10
    )
    peer = diversity("self_repetition").self_repetition_score
    theirs, expected = cpu_seconds(lambda: peer(texts, 4, verbose=False))
    equal = bool(np.isclose(value.value, expected, rtol=1e-12))
    yield row(
        "self_repetition_16k_vs_diversity", "diversity", version("diversity"), ours, theirs, equal=equal
    )
