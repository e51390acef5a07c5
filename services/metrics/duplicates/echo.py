"""Texts that repeat their own prompt: runs of so many words that stand in both.

A run is what `shared/text/shingles.py` says; a text of fewer words has none. Runs are compared by their
64-bit keys (`lexical.hashing` bounds the chance of a mistake).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import UnlikeStates
from services.metrics.lexical.ngrams.shingled import shingled
from services.metrics.lexical.text.tokens import Tokens

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class Echoes:
    """Of each text, (texts,): how many `runs` of words it has, how many of them its prompt has (`repeated`),
    and how many of those some example has too (`copied`)."""

    runs: Counts
    repeated: Counts
    copied: Counts

    def merge(self, other: Self) -> Self:
        """Of both shards, these texts first."""
        pairs = (
            (self.runs, other.runs),
            (self.repeated, other.repeated),
            (self.copied, other.copied),
        )
        return type(self)(*(np.concatenate(pair) for pair in pairs))


def example_runs(examples: Tokens, words: int) -> NDArray[np.uint64]:
    """The keys of the examples' runs, each once, ascending."""
    return np.unique(shingled(examples, words, whole=False).hashes)


def echoes(texts: Tokens, prompts: Tokens, words: int, examples: NDArray[np.uint64] | None = None) -> Echoes:
    """What each text repeats of the prompt in its place."""
    if (texts.tokeniser, texts.seed, len(texts)) != (prompts.tokeniser, prompts.seed, len(prompts)):
        raise UnlikeStates("texts and prompts need one tokeniser, one seed, and a prompt for each text")
    own, asked = shingled(texts, words, whole=False), shingled(prompts, words, whole=False)
    repeated, copied = np.zeros(len(own), np.int64), np.zeros(len(own), np.int64)
    shown = np.empty(0, np.uint64) if examples is None else examples
    for text in range(len(own)):
        keys = own.hashes[own.offsets[text] : own.offsets[text + 1]]
        found = keys[np.isin(keys, asked.hashes[asked.offsets[text] : asked.offsets[text + 1]])]
        repeated[text] = len(found)
        if len(found) and len(shown):
            copied[text] = np.isin(found, shown).sum()
    return Echoes(np.diff(own.offsets), repeated, copied)
