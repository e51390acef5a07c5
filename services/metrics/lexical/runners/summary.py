"""What a shard of texts says by itself: everything but its n-grams. Merging is exact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.measures.compression import CompressionState
from services.metrics.lexical.measures.heaps import HeapsState
from services.metrics.lexical.measures.lengths import Lengths
from services.metrics.lexical.measures.richness import RichnessState
from services.metrics.lexical.settings import LexicalSettings
from services.metrics.lexical.text.texts import Texts, arrow_texts
from services.metrics.lexical.text.tokens import Tokens


@dataclass(frozen=True)
class Summary:
    """Lengths, vocabulary growth, richness and compression of some texts; `lengths` (texts,) in tokens."""

    lengths: NDArray[np.int64]
    words: Lengths
    characters: Lengths
    heaps: HeapsState
    richness: RichnessState
    compression: CompressionState | None

    @classmethod
    def of(cls, texts: Texts, settings: LexicalSettings) -> tuple[Self, Tokens]:
        """The summary of a shard, and its tokens."""
        texts = arrow_texts(texts)
        tokens = Tokens.of(texts, settings.tokeniser, settings.seed)
        summary = cls(
            tokens.lengths,
            Lengths.in_tokens(tokens),
            Lengths.in_characters(tokens),
            HeapsState.of(tokens),
            RichnessState.of(tokens),
            CompressionState.of(texts) if settings.compression else None,
        )
        return summary, tokens

    def merge(self, other: Self) -> Self:
        """The summary of these texts followed by those."""
        compression = (
            self.compression.merge(other.compression) if self.compression and other.compression else None
        )
        return type(self)(
            np.concatenate([self.lengths, other.lengths]),
            self.words.merge(other.words),
            self.characters.merge(other.characters),
            self.heaps.merge(other.heaps),
            self.richness.merge(other.richness),
            compression,
        )


def merge_summaries(summaries: list[Summary]) -> Summary:
    """Neighbours first, so that no large state is merged more than a few times."""
    while len(summaries) > 2:
        pairs = [summaries[i : i + 2] for i in range(0, len(summaries), 2)]
        summaries = [reduce(Summary.merge, pair) for pair in pairs]
    return reduce(Summary.merge, summaries)
