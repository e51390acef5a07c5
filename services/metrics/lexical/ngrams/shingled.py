"""Texts as the keys of their shingles: `shared/text/shingles.py`, compiled and held to it by a property test.

A run of words is `size` tokens, or more where tokens are letters of scripts without blanks and only parts
of words. With the keys in the place of the tokens, n-grams of one token are the shingles.
"""

from __future__ import annotations

import numpy as np

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.text.hashing import follow
from services.metrics.lexical.text.tokens import Tokens
from shared.text.unspaced import QUARTERS_OF_A_WORD


@compiled
def key_of(hashes, begin, end):  # type: ignore[no-untyped-def]
    """The key of the tokens from `begin` to `end`."""
    key = hashes[begin]
    for i in range(begin + 1, end):
        key = follow(key, hashes[i])
    return key


@compiled
def quarters_of(quarters, place):  # type: ignore[no-untyped-def]
    """How much of a word a token is; all are whole where none is given."""
    return np.int64(quarters[place]) if len(quarters) else np.int64(QUARTERS_OF_A_WORD)


@compiled
def list_keys(hashes, offsets, quarters, wanted, whole, keys, bounds):  # type: ignore[no-untyped-def]
    """The key of the shortest run of `wanted` quarters of words from each token on, text after text.

    quarters    of each token; of length 0 where all are whole words
    whole       whether a text that is shorter than that has one key, of all its tokens

    Writes the running number of keys into `bounds[1:]`.
    """
    count = 0
    for text in range(len(offsets) - 1):
        first, stop = offsets[text], offsets[text + 1]
        before = count
        end, reached = first, np.int64(0)
        for begin in range(first, stop):
            while end < stop and reached < wanted:
                reached += quarters_of(quarters, end)
                end += 1
            if reached < wanted:
                break
            keys[count] = key_of(hashes, begin, end)
            count += 1
            reached -= quarters_of(quarters, begin)
        if whole and count == before and stop > first:
            keys[count] = key_of(hashes, first, stop)
            count += 1
        bounds[text + 1] = count


def shingled(tokens: Tokens, size: int, *, whole: bool) -> Tokens:
    """The same documents, of which each token is the key of a shingle of `size` words.

    `whole`: a text of fewer words is one shingle, all of it; else it has none.
    """
    quarters = np.zeros(0, np.uint8) if tokens.quarters is None else tokens.quarters
    keys, bounds = np.empty(len(tokens.hashes), np.uint64), np.zeros(len(tokens.offsets), np.int64)
    list_keys(tokens.hashes, tokens.offsets, quarters, size * QUARTERS_OF_A_WORD, whole, keys, bounds)
    return Tokens(keys[: bounds[-1]], bounds, tokens.characters, tokens.tokeniser, tokens.seed)
