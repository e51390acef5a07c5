"""What is measured, and how."""

from __future__ import annotations

from dataclasses import dataclass

from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.measures.bleu import convention_named
from services.metrics.lexical.measures.distinct import GPT2_VOCABULARY
from services.metrics.lexical.text.hashing import DEFAULT_SEED
from services.metrics.lexical.text.tokenisers import DEFAULT_TOKENISER, tokeniser


@dataclass(frozen=True)
class LexicalSettings:
    """Parameters of all lexical measures at once.

    orders              n of Distinct-n, EAD and entropy
    longest             n-grams of 1 to this many tokens in Self-BLEU and n-gram diversity
    convention          of Self-BLEU: nltk or sacrebleu
    repetition_order    n of self-repetition
    vocabulary          V of EAD
    step                tokens between two points of Heaps' law
    compression         whether to compress (it takes as long as all else together)
    """

    tokeniser: str = DEFAULT_TOKENISER
    seed: int = DEFAULT_SEED
    orders: tuple[int, ...] = (1, 2, 3, 4, 5)
    longest: int = 4
    convention: str = "nltk"
    repetition_order: int = 4
    vocabulary: int = GPT2_VOCABULARY
    step: int = 1000
    compression: bool = True

    def __post_init__(self) -> None:
        tokeniser(self.tokeniser)
        convention_named(self.convention)
        if not self.orders or min(self.orders) < 1 or min(self.longest, self.repetition_order) < 1:
            raise LexicalError("n-grams have at least one token, and at least one order is measured")

    @property
    def counted(self) -> tuple[int, ...]:
        """The orders that are counted, ascending: those asked for, and what other measures need."""
        return tuple(sorted({*self.orders, *range(1, self.longest + 1), self.repetition_order}))
