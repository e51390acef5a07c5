"""Counts of n-grams as mergeable states.

`NgramCounts` maps each n-gram's key to the number of its occurrences; `NgramDocuments` adds in how many
documents it occurs and its two largest counts in one document. The state of two shards together is the
merge of theirs, exactly; a state may hold one slice of the key space only, so that a machine holds as
much as it has room for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.errors import LexicalError, UnlikeStates
from services.metrics.lexical.ngrams import counting
from services.metrics.lexical.ngrams.partition import WHOLE, Entries, Partitioner, Slice
from services.metrics.lexical.ngrams.records import COUNT, DOCUMENTS, LARGEST, SECOND, DocumentRecords
from services.metrics.lexical.ngrams.spectrum import Spectrum
from services.metrics.lexical.ngrams.tables import count_keys, tabulate
from services.metrics.lexical.text.tokens import Tokens

MOST_DOCUMENTS = 2**32 - 2


@dataclass(frozen=True)
class NGramRows:
    """Entries numbered by n-gram: `keys[r]` is row r's, `of[e]` the row of entry e."""

    keys: NDArray[np.uint64]
    of: NDArray[np.uint32]

    @classmethod
    def from_entries(cls, entries: Entries) -> NGramRows:
        keys = np.empty(len(entries.keys), np.uint64)
        rows_of = np.empty(len(entries.keys), np.uint32)
        found = tabulate(entries.keys, entries.starts, keys, rows_of)
        keys.resize(found, refcheck=False)
        return cls(keys, rows_of)


@dataclass(frozen=True)
class NgramCounts:
    """How often each n-gram of `order` tokens occurs: `counts[i]` times the one whose key is `keys[i]`.

    Keys are different; their order means nothing.
    """

    order: int
    keys: NDArray[np.uint64]
    counts: NDArray[np.int64]
    key_slice: Slice = WHOLE

    @classmethod
    def of(cls, tokens: Tokens, order: int, key_slice: Slice = WHOLE) -> Self:
        """Count the n-grams of some texts. `tokens.joined()` first lets them cross the documents' borders."""
        entries = Partitioner([tokens]).entries(_positive(order), key_slice=key_slice)
        keys, counts = np.empty(len(entries.keys), np.uint64), np.empty(len(entries.keys), np.int64)
        found = count_keys(entries.keys, entries.starts, entries.largest, keys, counts)
        keys.resize(found, refcheck=False)
        counts.resize(found, refcheck=False)
        return cls(order, keys, counts, key_slice)

    def merge(self, *others: Self) -> Self:
        """The counts over the texts of all. Raises UnlikeStates for another order or slice."""
        union = _Union.of([self, *others])
        return type(self)(self.order, union.rows.keys, union.added("counts"), self.key_slice)

    def spectrum(self) -> Spectrum:
        return Spectrum.of(self.counts)


@dataclass(frozen=True)
class NgramDocuments:
    """What documents have each n-gram: see the module.

    `documents[i]` have it, one `largest[i]` times and no other more than `second[i]` times (0 when only
    one has it).
    """

    order: int
    keys: NDArray[np.uint64]
    counts: NDArray[np.int64]
    documents: NDArray[np.uint32]
    largest: NDArray[np.uint32]
    second: NDArray[np.uint32]
    key_slice: Slice = WHOLE

    @classmethod
    def of(cls, tokens: Tokens, order: int, key_slice: Slice = WHOLE) -> Self:
        entries = Partitioner([tokens]).entries(_positive(order), documents=True, key_slice=key_slice)
        rows = DocumentRecords.from_entries(entries)
        return cls(
            order,
            rows.keys,
            rows.field(COUNT).astype(np.int64),
            rows.field(DOCUMENTS),
            rows.field(LARGEST),
            rows.field(SECOND),
            key_slice,
        )

    def merge(self, *others: Self) -> Self:
        """The state over the texts of all. Raises UnlikeStates for another order or slice."""
        states = [self, *others]
        union = _Union.of(states)
        largest, second = np.zeros((2, len(union.rows.keys)), np.uint32)
        counting.merge_two_largest(
            union.rows.of,
            union.sources,
            np.concatenate([state.largest for state in states]),
            np.concatenate([state.second for state in states]),
            largest,
            second,
        )
        return type(self)(
            self.order,
            union.rows.keys,
            union.added("counts"),
            union.added("documents"),
            largest,
            second,
            self.key_slice,
        )

    def spectrum(self) -> Spectrum:
        return Spectrum.of(self.counts)

    def clipped(self, tokens: Tokens) -> NDArray[np.int64]:
        """For each document of a shard, Σ min(its count, `second`) over its n-grams: BLEU's matches."""
        return self._records(tokens, SECOND, self.second).clipped(len(tokens))

    def repetition(self, tokens: Tokens) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """For each document of a shard, the sums of `repetition.Repetition`."""
        return self._records(tokens, DOCUMENTS, self.documents).document_sums(len(tokens))

    def _records(self, tokens: Tokens, field: int, column: NDArray[np.uint32]) -> DocumentRecords:
        """A shard's records with one field as this state, into which the shard was merged, has it."""
        entries = Partitioner([tokens]).entries(self.order, documents=True, key_slice=self.key_slice)
        rows = DocumentRecords.from_entries(entries)
        places = find(rows.keys, self.keys)
        if (places < 0).any():
            raise UnlikeStates(
                "the texts hold n-grams that the merged state has not seen: merge their shard first"
            )
        rows.records[:, field] = column[places]
        return rows


def find(wanted: NDArray[np.uint64], keys: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Where each wanted key stands among different keys; -1 where it does not."""
    rows, sources = numbered([keys, wanted])
    places = np.full(len(rows.keys), -1, np.int64)
    known = sources < len(keys)
    places[rows.of[known]] = sources[known]
    found = np.empty(len(wanted), np.int64)
    found[sources[~known] - len(keys)] = places[rows.of[~known]]
    return found


def numbered(parts: Sequence[NDArray[np.uint64]]) -> tuple[NGramRows, NDArray[np.uint32]]:
    """Keys of several parts numbered by value, and where in the parts, one after another, each stood."""
    keys = np.concatenate(parts)
    # Each key a document of its own, so that the partitioner says where every one came from.
    alone = Tokens(keys, np.arange(len(keys) + 1), np.zeros(len(keys), np.int64))
    entries = Partitioner([alone]).entries(1, documents=True)
    assert entries.documents is not None
    return NGramRows.from_entries(entries), entries.documents


@dataclass(frozen=True)
class _Union:
    """The keys of several states, each once, and which state's entry every one came from."""

    states: Sequence[NgramCounts] | Sequence[NgramDocuments]
    rows: NGramRows
    sources: NDArray[np.uint32]

    @classmethod
    def of(cls, states: Sequence[NgramCounts] | Sequence[NgramDocuments]) -> Self:
        if len({(state.order, state.key_slice) for state in states}) > 1:
            raise UnlikeStates("n-gram counts of another order or another slice of the keys cannot be merged")
        return cls(states, *numbered([state.keys for state in states]))

    def added(self, column: str) -> NDArray[Any]:
        """The sum of a column over the states, for each key."""
        values = np.concatenate([getattr(state, column) for state in self.states])
        sums = np.zeros(len(self.rows.keys), values.dtype)
        counting.add_rows(self.rows.of, self.sources, values, sums)
        return sums


def _positive(order: int) -> int:
    if order < 1:
        raise LexicalError(f"n-grams have at least one token, not {order}")
    return order
