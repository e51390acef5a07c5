"""The runs of so many words that a text is compared by."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

from shared.text.unspaced import QUARTERS_OF_A_WORD, has_unspaced, quarters
from shared.text.words import tokens

Run = tuple[int, int]
"""The places of a run's first token and of the one behind its last."""


@dataclass(frozen=True, slots=True)
class Tokenised:
    """The tokens of a text, and how much of a word each is in quarters (None: all are whole words)."""

    tokens: list[str]
    quarters: list[int] | None = None

    @classmethod
    def of(cls, text: str) -> Tokenised:
        found = tokens(text)
        return cls(found, [quarters(token) for token in found] if has_unspaced(text) else None)

    def runs(self, size: int) -> list[Run]:
        """The shortest run of `size` words from each token on: `size` tokens, or more where tokens are
        parts of words. Tokens that stand too near the end begin none."""
        if self.quarters is None:
            return [(start, start + size) for start in range(len(self.tokens) - size + 1)]
        before = [0, *accumulate(self.quarters)]
        found, end = [], 0
        for start in range(len(self.tokens)):
            while end < len(before) and before[end] - before[start] < size * QUARTERS_OF_A_WORD:
                end += 1
            if end == len(before):
                break
            found.append((start, end))
        return found

    def runs_or_whole(self, size: int) -> list[Run]:
        """The same; of a text that is shorter than that, all of it is the one run. None without tokens."""
        return self.runs(size) or ([(0, len(self.tokens))] if self.tokens else [])

    def shown(self, run: Run) -> str:
        """The tokens of a run as a text, with blanks where the script has them."""
        start, end = run
        parts = [QUARTERS_OF_A_WORD] * len(self.tokens) if self.quarters is None else self.quarters
        pieces = zip(self.tokens[start:end], parts[start:end], strict=True)
        return "".join(token + " " * (part == QUARTERS_OF_A_WORD) for token, part in pieces).strip()
