"""The vocabulary: how many different tokens there are, and how they are spread."""

from __future__ import annotations

from dataclasses import dataclass

from services.metrics.lexical.ngrams.spectrum import Spectrum
from services.metrics.lexical.values import NO_TOKENS, Value


@dataclass(frozen=True)
class Vocabulary:
    """Figures of the unigram spectrum.

    tokens     all occurrences
    types      different tokens: the vocabulary's size
    hapaxes    types that occur once
    """

    tokens: int
    types: int
    hapaxes: int
    yule: Value

    @classmethod
    def of(cls, spectrum: Spectrum) -> Vocabulary:
        return cls(spectrum.total, spectrum.distinct, spectrum.once, _yule(spectrum))

    @property
    def type_token_ratio(self) -> Value:
        """Types over tokens: Distinct-1. Falls with length."""
        return Value.ratio(self.types, self.tokens, NO_TOKENS)

    @property
    def hapax_share(self) -> Value:
        """Types that occur once, over all types."""
        return Value.ratio(self.hapaxes, self.types, NO_TOKENS)


def _yule(spectrum: Spectrum) -> Value:
    """Yule's K = 10^4 (Σ c² kinds(c) - N) / N², the chance (times 10^4) that two tokens drawn are alike."""
    total = spectrum.total
    squares = sum(c * c * k for c, k in zip(spectrum.counts.tolist(), spectrum.kinds.tolist(), strict=True))
    return Value.ratio(1e4 * (squares - total), total * total, NO_TOKENS)
