"""Near-duplicates: rows whose sets of word shingles overlap, by exact Jaccard similarity.

The Jaccard similarity of two rows is that of their sets of shingles (runs of `shingle` words, as
`shared/text/shingles.py` has them; of tokens where the tokeniser is not `words`). Rows with the same tokens
are duplicates whatever their length, and are joined first, each to the first of them; other rows shorter
than a shingle have no near-duplicates. Shingles are compared by their 64-bit keys (`lexical.hashing` bounds
the chance of a mistake).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.duplicates.groups import Groups
from services.metrics.duplicates.join import join
from services.metrics.duplicates.minhash import METHOD, minhash_pairs
from services.metrics.duplicates.shingles import ShingleSets
from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.ngrams.shingled import shingled
from services.metrics.lexical.ngrams.tables import tabulate
from services.metrics.lexical.text.hashing import GOLDEN, mix
from services.metrics.lexical.text.tokens import Tokens

THRESHOLD = 0.7
SHINGLE = 3
MOST_CANDIDATES = 50_000_000
"""About a minute of verifying on one core."""
EXACT = "prefix-filter join, every candidate checked exactly"


@dataclass(frozen=True)
class NearDuplicates:
    """Pairs of rows that reach the threshold, and the groups they make.

    pairs       (pairs, 2) rows, the earlier first; of rows with equal tokens, only those with the first
    scores      (pairs,) Jaccard similarity, exact
    groups      connected components: what de-duplication keeps one of
    exact       whether all pairs were found; else `method` says how they were searched
    verified    pairs whose similarity was computed
    """

    pairs: NDArray[np.int64]
    scores: NDArray[np.float64]
    groups: Groups
    threshold: float
    shingle: int
    exact: bool
    method: str
    verified: int


@compiled
def hash_rows(hashes, offsets, keys):
    """One key for each row's tokens and their places: a sum, so that no token waits for the one before it; 0
    for a row without tokens."""
    for row in range(len(offsets) - 1):
        key, place = np.uint64(0), np.uint64(0)
        for i in range(offsets[row], offsets[row + 1]):
            place += GOLDEN
            key += mix(hashes[i] + place)
        keys[row] = key


@compiled
def first_rows(rows_of, found, firsts):
    """The first row that has each row's key, for rows numbered by key in order of appearance."""
    first_of = np.empty(found, np.int64)
    seen = 0
    for row in range(len(rows_of)):
        if rows_of[row] == seen:
            first_of[seen] = row
            seen += 1
        firsts[row] = first_of[rows_of[row]]


def near_duplicates(
    tokens: Tokens | Sequence[Tokens],
    *,
    threshold: float = THRESHOLD,
    shingle: int = SHINGLE,
    most_candidates: int = MOST_CANDIDATES,
) -> NearDuplicates:
    """Pairs of rows with Jaccard >= threshold. Raises LexicalError for a threshold not in (0, 1].

    The join is exact; when it would verify more than `most_candidates` pairs (many rows alike, but not
    enough), MinHash candidates are checked instead, and the result says so.
    """
    if not 0 < threshold <= 1:
        raise LexicalError(f"a Jaccard threshold is above 0 and at most 1, not {threshold}")
    if shingle < 1:
        raise LexicalError(f"a shingle has at least one token, not {shingle}")
    shards = [tokens] if isinstance(tokens, Tokens) else list(tokens)
    first = same_tokens(shards)
    among = first == np.arange(len(first))
    if any(shard.quarters is not None for shard in shards):
        shards, shingle_tokens = [shingled(shard, shingle, whole=False) for shard in shards], 1
    else:
        shingle_tokens = shingle
    sets = ShingleSets.of(shards, shingle_tokens, threshold, among)
    joined = join(sets, threshold, most_candidates)
    pairs, scores = minhash_pairs(sets, threshold) if joined.stopped else (joined.pairs, joined.scores)
    copies = np.flatnonzero(first != np.arange(len(first)))
    equal = np.stack([first[copies], copies], axis=1)
    pairs, scores = np.concatenate([equal, pairs]), np.concatenate([np.ones(len(equal)), scores])
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    return NearDuplicates(
        pairs[order],
        scores[order],
        Groups.of(len(first), pairs),
        threshold,
        shingle,
        not joined.stopped,
        METHOD if joined.stopped else EXACT,
        joined.verified,
    )


def same_tokens(shards: Sequence[Tokens]) -> NDArray[np.int64]:
    """The first row with the same tokens as each row; a row without tokens is its own. (rows,)"""
    keys = np.zeros(sum(map(len, shards)), np.uint64)
    begin = 0
    for shard in shards:
        hash_rows(shard.hashes, shard.offsets, keys[begin : begin + len(shard)])
        begin += len(shard)
    rows_of, firsts = np.empty(len(keys), np.uint32), np.empty(len(keys), np.int64)
    whole = np.array([0, len(keys)], np.int64)
    first_rows(rows_of, tabulate(keys, whole, np.empty(len(keys), np.uint64), rows_of), firsts)
    return np.where(keys == 0, np.arange(len(keys)), firsts)
