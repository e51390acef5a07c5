"""Distinct-n by context (equation 5 of "What Matters in LLM-generated Data", 2506.19262).

For question answering the paper takes Distinct-n of each context's questions and answers (without the long
context itself) and sums over the contexts. Each context's n-grams are hashed with a salt of its own, so
that one pass counts all of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import LexicalError, UnlikeStates
from services.metrics.lexical.measures.distinct import PAPER_ORDER
from services.metrics.lexical.ngrams.counting import first_groups
from services.metrics.lexical.ngrams.partition import Partitioner
from services.metrics.lexical.ngrams.states import numbered
from services.metrics.lexical.text.hashing import token_hash
from services.metrics.lexical.text.tokens import Tokens
from services.metrics.lexical.values import NO_TEXTS, Value, too_short


def distinct_n_by_context(
    tokens: Tokens, contexts: Sequence[str], order: int = PAPER_ORDER, *, across: bool = False
) -> Value:
    """Distinct-n of each context's texts, summed over the contexts (equation 5).

    contexts    for each document, the context it belongs to
    across      whether an n-gram may begin in one document of a context and end in its next one

    A context without n-grams adds nothing; without any n-gram at all there is no value. Not normalised:
    it grows with the number of contexts, so that it compares sets over the same contexts only.
    """
    if across:
        tokens, contexts = joined_by_context(tokens, contexts)
    return ContextState.of(tokens, contexts, order).value()


@dataclass(frozen=True)
class ContextState:
    """Mergeable: the different n-grams of each context, and how many there are in all.

    labels     the contexts, each once
    keys       (n-grams,) salted by context
    context    (n-grams,) whose each is: its place in `labels`
    totals     (contexts,) n-grams, occurrences counted
    """

    order: int
    labels: tuple[str, ...]
    keys: NDArray[np.uint64]
    context: NDArray[np.int64]
    totals: NDArray[np.int64]

    @classmethod
    def of(cls, tokens: Tokens, contexts: Sequence[str], order: int = PAPER_ORDER) -> Self:
        """Raises LexicalError unless there is one context for each document."""
        labels, group = numbered_contexts(contexts, len(tokens))
        entries = Partitioner([salted(tokens, labels, group)]).entries(order, documents=True)
        size = len(entries.keys)
        keys, context = np.empty(size, np.uint64), np.empty(size, np.int64)
        found = first_groups(
            entries.keys, entries.documents, entries.starts, entries.largest, group, keys, context
        )
        totals = np.zeros(len(labels), np.int64)
        np.add.at(totals, group, np.maximum(tokens.lengths - (order - 1), 0))
        return cls(order, labels, keys[:found].copy(), context[:found].copy(), totals)

    def merge(self, other: Self) -> Self:
        """The state over the texts of both; a context may have texts in either."""
        if self.order != other.order:
            raise UnlikeStates("states of n-grams of another order cannot be merged")
        labels, place = numbered_contexts([*self.labels, *other.labels])
        rows, sources = numbered([self.keys, other.keys])
        context = np.empty(len(rows.keys), np.int64)
        split = len(self.labels)
        moved = np.concatenate([place[:split][self.context], place[split:][other.context]])
        context[rows.of] = moved[sources]
        totals = np.zeros(len(labels), np.int64)
        np.add.at(totals, place, np.concatenate([self.totals, other.totals]))
        return type(self)(self.order, labels, rows.keys, context, totals)

    def by_context(self) -> dict[str, Value]:
        """Distinct-n of each context."""
        distinct = np.bincount(self.context, minlength=len(self.labels))
        reason = too_short(self.order)
        counts = zip(self.labels, distinct.tolist(), self.totals.tolist(), strict=True)
        return {label: Value.ratio(found, total, reason) for label, found, total in counts}

    def value(self) -> Value:
        """Their sum over the contexts that have n-grams."""
        if not self.labels:
            return Value.none(NO_TEXTS)
        values = [value.value for value in self.by_context().values() if value.value is not None]
        return Value(math.fsum(values)) if values else Value.none(too_short(self.order))


def numbered_contexts(
    contexts: Sequence[str], documents: int | None = None
) -> tuple[tuple[str, ...], NDArray[np.int64]]:
    """The contexts in order of appearance, and the number of each document's."""
    if documents is not None and len(contexts) != documents:
        raise LexicalError(f"{documents} texts need {documents} contexts, and {len(contexts)} were given")
    numbers: dict[str, int] = {}
    group = np.fromiter((numbers.setdefault(c, len(numbers)) for c in contexts), np.int64, len(contexts))
    return tuple(numbers), group


def salted(tokens: Tokens, labels: Sequence[str], group: NDArray[np.int64]) -> Tokens:
    """The same documents with hashes that differ from context to context, so that no n-gram is in two."""
    salts = np.array([token_hash(label, tokens.seed + 1) for label in labels], np.uint64)
    hashes = tokens.hashes ^ np.repeat(salts[group], tokens.lengths)
    return Tokens(hashes, tokens.offsets, tokens.characters, tokens.tokeniser, tokens.seed)


def joined_by_context(tokens: Tokens, contexts: Sequence[str]) -> tuple[Tokens, tuple[str, ...]]:
    """One document for each context, made of its documents in their order."""
    labels, group = numbered_contexts(contexts, len(tokens))
    order = np.argsort(group, kind="stable")
    spans = [tokens.hashes[tokens.offsets[d] : tokens.offsets[d + 1]] for d in order]
    lengths, characters = np.zeros((2, len(labels)), np.int64)
    np.add.at(lengths, group, tokens.lengths)
    np.add.at(characters, group, tokens.characters)
    hashes = np.concatenate(spans) if spans else tokens.hashes
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Tokens(hashes, offsets, characters, tokens.tokeniser, tokens.seed), labels
