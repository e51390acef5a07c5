"""Compiles the kernels that measure, before anybody waits for them: `python -m services.metrics.compiling`.

`make setup` runs it. What is compiled stays on disk (`lexical.compiled` says
where), so no process compiles it again: the first measurement of a fresh one takes milliseconds more than the
second, where it took a quarter of a minute.
"""

from __future__ import annotations

from collections.abc import Iterator

from services.metrics.answers import MeasuringAtOnce
from services.metrics.duplicates.near import near_duplicates
from services.metrics.lexical import Tokens
from services.metrics.media_types import VALUES
from shared.contracts.measurement import LEXICAL, MeasureTextsRequest, Metric

SPACED = [
    "the fox ran far away from the house",
    "the cat sat by the tree",
    "The dog ran to the fox, the fox ran far away from the house and the dog",
]
OTHER_SCRIPTS = [
    "Müde ging er nach Hause",
    "cafe\u0301 naïve",
    "雨が降った。家に帰った",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
]
TOKENIZERS = ("words", "whitespace", "spaces", "characters", "13a")


def compile_kernels() -> None:
    """Measures a few texts in every way that a request can ask for."""
    measuring = MeasuringAtOnce({})
    for request in _requests():
        measuring.answer(request, VALUES)
    near_duplicates(Tokens.of(SPACED * 2 + SPACED[:1]), most_candidates=0)


def _requests() -> Iterator[MeasureTextsRequest]:
    every = sorted(set(Metric) - {Metric.DEFAULT, Metric.REJECTS})
    texts = SPACED * 3
    contexts = [str(place % 3) for place in range(len(texts))]
    yield MeasureTextsRequest(
        texts=texts, reference=SPACED * 2, test=SPACED[1:], contexts=contexts, metrics=every
    )
    for tokenizer in TOKENIZERS:
        yield MeasureTextsRequest(
            texts=OTHER_SCRIPTS * 2,
            reference=SPACED * 2,
            test=OTHER_SCRIPTS[1:],
            metrics=[*sorted(LEXICAL - {Metric.REJECTS}), Metric.UNIGRAM_SHIFT, Metric.NEAR_DUPLICATES],
            tokenizer=tokenizer,
        )


if __name__ == "__main__":
    compile_kernels()
