"""Contamination of whole sets, compiled: rows of a training set that hold a row of a test set.

When a row holds a test row is told in `shared/text/contamination.py`, to which a property test holds this.
For each training row the result names the test row most of whose n-grams it holds, and which share; for
each test row, the share of its n-grams found anywhere in the training set. A test row without words cannot
be held and is counted so.

The index of the test rows is built once; training shards are checked one by one, and their results merge.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.errors import LexicalError, UnlikeStates
from services.metrics.lexical.ngrams.partition import Partitioner
from services.metrics.lexical.ngrams.shingled import shingled
from services.metrics.lexical.ngrams.states import NGramRows
from services.metrics.lexical.ngrams.tables import slots_for
from services.metrics.lexical.text.tokens import Tokens
from shared.contracts.contamination import HELD_SHARE, NGRAM_WORDS

NO_ROW = -1


@compiled
def fill_table(keys, table):
    """Put row numbers (from 1) of different keys into an empty table."""
    mask = np.uint64(len(table) - 1)
    for row in range(len(keys)):
        slot = keys[row] & mask
        while table[slot] != 0:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = row + 1


@compiled
def check_rows(hashes, offsets, keys, table, heads, holders, sizes, found, best, shares):
    """For each training row the test row it holds most of, and how much; mark the n-grams found.

    hashes, offsets   the keys of the training rows' n-grams
    heads, holders    test rows that have n-gram k are `holders[heads[k]:heads[k + 1]]`
    sizes             different n-grams of each test row
    """
    mask = np.uint64(len(table) - 1)
    last = np.full(len(keys), -1, np.int64)
    hits, touched = np.zeros(len(sizes), np.int64), np.empty(len(sizes), np.int64)
    for row in range(len(offsets) - 1):
        reached = 0
        for i in range(offsets[row], offsets[row + 1]):
            key = hashes[i]
            slot = key & mask
            while table[slot] != 0 and keys[table[slot] - 1] != key:
                slot = (slot + np.uint64(1)) & mask
            gram = np.int64(table[slot]) - 1
            if gram < 0 or last[gram] == row:
                continue
            last[gram] = row
            found[gram] = True
            for place in range(heads[gram], heads[gram + 1]):
                test = holders[place]
                if hits[test] == 0:
                    touched[reached] = test
                    reached += 1
                hits[test] += 1
        choose(touched[:reached], hits, sizes, row, best, shares)


@compiled
def choose(touched, hits, sizes, row, best, shares):
    """Keep the test row with the largest share (the first of equals), and clear the hits."""
    for k in range(len(touched)):
        test = touched[k]
        share = hits[test] / sizes[test]
        if share > shares[row] or (share == shares[row] and test < best[row]):
            best[row], shares[row] = test, share
        hits[test] = 0


@dataclass(frozen=True)
class HeldOutIndex:
    """The n-grams of a test set and which rows have them."""

    order: int
    tokeniser: str
    seed: int
    keys: NDArray[np.uint64]
    table: NDArray[np.uint32]
    heads: NDArray[np.int64]
    holders: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, test: Tokens, order: int = NGRAM_WORDS) -> Self:
        if order < 1:
            raise LexicalError(f"n-grams have at least one word, not {order}")
        entries = Partitioner([shingled(test, order, whole=True)]).entries(1, documents=True)
        assert entries.documents is not None
        rows = NGramRows.from_entries(entries)
        held = np.unique((rows.of.astype(np.uint64) << np.uint64(32)) | entries.documents)
        grams, holders = held >> np.uint64(32), (held & np.uint64(0xFFFFFFFF)).astype(np.int64)
        heads = np.concatenate(
            [[0], np.cumsum(np.bincount(grams.astype(np.int64), minlength=len(rows.keys)))]
        )
        table = np.zeros(int(slots_for(len(rows.keys))), np.uint32)
        fill_table(rows.keys, table)
        sizes = np.bincount(holders, minlength=len(test)).astype(np.int64)
        return cls(order, test.tokeniser, test.seed, rows.keys, table, heads, holders, sizes)

    def check(self, training: Tokens) -> Contamination:
        """The contamination of a shard of training rows."""
        if (training.tokeniser, training.seed) != (self.tokeniser, self.seed):
            raise UnlikeStates("training and test rows need one tokeniser and one seed")
        found = np.zeros(len(self.keys), np.bool_)
        best, shares = np.full(len(training), NO_ROW, np.int64), np.zeros(len(training))
        own = shingled(training, self.order, whole=True)
        check_rows(
            own.hashes, own.offsets, self.keys, self.table, self.heads, self.holders, self.sizes, found, best,
            shares,
        )  # fmt: skip
        return Contamination(self, best, shares, found)


@dataclass(frozen=True)
class Contamination:
    """What training rows hold of test rows.

    test_row    (training rows,) the test row each holds most of; NO_ROW (-1) where it holds nothing
    share       (training rows,) share of that test row's different n-grams that the row holds
    found       (n-grams of the index,) whether any training row has them
    """

    index: HeldOutIndex
    test_row: NDArray[np.int64]
    share: NDArray[np.float64]
    found: NDArray[np.bool_]

    def merge(self, other: Self) -> Self:
        """The result for both shards, these rows first."""
        return type(self)(
            self.index,
            np.concatenate([self.test_row, other.test_row]),
            np.concatenate([self.share, other.share]),
            self.found | other.found,
        )

    def contaminated(self, threshold: float = HELD_SHARE) -> NDArray[np.bool_]:
        """Training rows that hold at least this share of one test row's n-grams."""
        reached: NDArray[np.bool_] = (self.test_row != NO_ROW) & (self.share >= threshold)
        return reached

    def of_tests(self) -> list[float | None]:
        """For each test row, the share of its n-grams that some training row has; None where it has no
        words."""
        held = np.repeat(self.found, np.diff(self.index.heads))
        sizes = self.index.sizes
        hits = np.bincount(self.index.holders[held], minlength=len(sizes))
        return [hit / size if size else None for hit, size in zip(hits.tolist(), sizes.tolist(), strict=True)]

    @property
    def unchecked(self) -> int:
        """Test rows without words."""
        return int((self.index.sizes == 0).sum())


def contamination(training: Tokens, test: Tokens, order: int = NGRAM_WORDS) -> Contamination:
    """Which training rows hold which test rows' n-grams, and how much of them."""
    return HeldOutIndex.of(test, order).check(training)
