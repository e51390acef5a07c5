"""Entropy of the n-gram distribution: -Σ p log p with p = count / total (plug-in estimate, no correction).

The plug-in estimate is biased low for small sets, the more the longer the n-grams.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.ngrams.partition import Partitioner
from services.metrics.lexical.ngrams.spectrum import Spectrum
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import NO_TEXTS, Value, too_short


def ngram_spectra(tokens: Tokens, orders: Sequence[int], *, across: bool = False) -> list[Spectrum]:
    """The frequency spectrum of the n-grams of each order."""
    partitioner = Partitioner([tokens.joined() if across else tokens])
    return [
        (Spectrum.of_tokens(tokens.hashes) if order == 1 else None)
        or Spectrum.of_entries(partitioner.entries(order))
        for order in orders
    ]


def ngram_entropies(
    tokens: Tokens, orders: Sequence[int] = (1, 2, 3), *, base: float = 2, across: bool = False
) -> list[Value]:
    """Entropy of the n-grams of each order, in bits unless another base is given. None without n-grams."""
    if not len(tokens):
        return [Value.none(NO_TEXTS) for _ in orders]
    spectra = ngram_spectra(tokens, orders, across=across)
    return [entropy(spectrum, order, base=base) for spectrum, order in zip(spectra, orders, strict=True)]


def entropy(spectrum: Spectrum, order: int = 1, *, base: float = 2) -> Value:
    """log N - (1/N) Σ c log c over n-grams with count c, N their sum."""
    if base <= 1:
        raise LexicalError(f"logarithms need a base above 1, not {base}")
    total = spectrum.total
    if not total:
        return Value.none(too_short(order))
    terms = zip(spectrum.counts.tolist(), spectrum.kinds.tolist(), strict=True)
    weighted = math.fsum(kinds * count * math.log(count) for count, kinds in terms)
    return Value(max((math.log(total) - weighted / total) / math.log(base), 0.0))
