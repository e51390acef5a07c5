"""Texts as sequences of token hashes: what every n-gram measure is computed from.

`Tokens` is itself a mergeable state: the tokens of two shards together are those of both, one after
another. A token takes eight bytes, whatever its length.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import UnlikeStates
from services.metrics.lexical.text.hashing import DEFAULT_SEED
from services.metrics.lexical.text.texts import Texts, text_buffer
from services.metrics.lexical.text.tokenisers import DEFAULT_TOKENISER, tokeniser
from shared.text.unspaced import QUARTERS_OF_A_WORD


@dataclass(frozen=True)
class Tokens:
    """Documents as token hashes.

    hashes      (tokens,) uint64: seeded hashes, document after document offsets     (documents + 1,) int64:
    document i is `hashes[offsets[i]:offsets[i + 1]]` characters  (documents,) int64: length of each text in
    Unicode code points quarters    (tokens,) uint8: how much of a word each token is
    (`shared/text/unspaced.py`); None: all are whole
    """

    hashes: NDArray[np.uint64]
    offsets: NDArray[np.int64]
    characters: NDArray[np.int64]
    tokeniser: str = DEFAULT_TOKENISER
    seed: int = DEFAULT_SEED
    quarters: NDArray[np.uint8] | None = None

    def __post_init__(self) -> None:
        # Read-only wherever they come from (a mapped file, another process, this one), so that kernels
        # see one type of array and are compiled once.
        for name in ("hashes", "offsets", "characters", "quarters"):
            if getattr(self, name) is None:
                continue
            column = getattr(self, name).view()
            column.flags.writeable = False
            object.__setattr__(self, name, column)

    @classmethod
    def of(cls, texts: Texts, tokeniser_name: str = DEFAULT_TOKENISER, seed: int = DEFAULT_SEED) -> Tokens:
        """Tokenise texts. Raises UnknownTokeniser, MissingText, BrokenText."""
        hashes, offsets, characters, quarters = tokeniser(tokeniser_name)(text_buffer(texts), seed)
        return cls(hashes, offsets, characters, tokeniser_name, seed, quarters)

    def __len__(self) -> int:
        """How many documents."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens in each document."""
        return np.diff(self.offsets)

    def merge(self, other: Tokens) -> Tokens:
        """The documents of both, these first."""
        if (self.tokeniser, self.seed) != (other.tokeniser, other.seed):
            raise UnlikeStates("texts were tokenised differently: use one tokeniser and one seed for all")
        return Tokens(
            np.concatenate([self.hashes, other.hashes]),
            np.concatenate([self.offsets, other.offsets[1:] + self.offsets[-1]]),
            np.concatenate([self.characters, other.characters]),
            self.tokeniser,
            self.seed,
            None
            if self.quarters is None and other.quarters is None
            else np.concatenate([self.parts(), other.parts()]),
        )

    def parts(self) -> NDArray[np.uint8]:
        """How much of a word each token is, in quarters; (tokens,)."""
        if self.quarters is None:
            return np.full(len(self.hashes), QUARTERS_OF_A_WORD, np.uint8)
        return self.quarters

    def joined(self) -> Tokens:
        """All documents as one, so that n-grams run across their borders."""
        ends = np.array([0, self.offsets[-1]], np.int64)
        return Tokens(
            self.hashes, ends, self.characters.sum(keepdims=True), self.tokeniser, self.seed, self.quarters
        )

    def take(self, rows: NDArray[np.int64]) -> Tokens:
        """These documents, given by ascending numbers, copied."""
        kept = np.zeros(len(self), np.bool_)
        kept[rows] = True
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(self.lengths[kept], out=offsets[1:])
        among = np.repeat(kept, self.lengths)
        quarters = None if self.quarters is None else self.quarters[among]
        return Tokens(self.hashes[among], offsets, self.characters[kept], self.tokeniser, self.seed, quarters)

    def select(self, begin: int, end: int) -> Tokens:
        """Documents `begin` to `end`, sharing memory."""
        offsets = self.offsets[begin : end + 1]
        among = slice(offsets[0], offsets[-1])
        quarters = None if self.quarters is None else self.quarters[among]
        return Tokens(
            self.hashes[among],
            offsets - offsets[0],
            self.characters[begin:end],
            self.tokeniser,
            self.seed,
            quarters,
        )
