"""Counts of different n-grams of all orders 1 … n in one go.

A different (m-1)-gram is the beginning of a different m-gram, or stands at the end of a document. So only
the n-grams of the longest order are all looked at; of every shorter order, only the beginnings of what was
new one order up, and one n-gram a document. In texts that repeat themselves that is a small share, and in
texts that do not it is no more work than counting every order by itself.

N-grams are gathered by the key of their first two tokens (as `partition` gathers by the whole key), so that
all n-grams with one beginning are in one part, and each part's tables stay in a core's cache.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.ngrams.tables import EMPTY, FEWEST_SLOTS, ONE, grow, slots_for
from services.metrics.lexical.text.hashing import follow
from services.metrics.lexical.text.tokens import Tokens

FEWEST_BITS, MOST_BITS = 4, 10
# About this many n-grams to a part: the different ones of an order then stay in the first-level cache.
PART = 16384
MOST_TOKENS = 2**32 - 1
"""Places of n-grams are kept in four bytes."""


@compiled
def key_at(hashes, place, order):
    """The key of the n-gram of `order` tokens that begins at `place`."""
    key = hashes[place]
    for k in range(1, order):
        key = follow(key, hashes[place + k])
    return key


@compiled
def count_beginnings(hashes, offsets, longest, shift, whole, ends):
    """How many n-grams of the longest order, and how many shorter ones at documents' ends, each part has."""
    for document in range(len(offsets) - 1):
        begin, end = offsets[document], offsets[document + 1]
        full = max(begin, end - longest + 1)
        for i in range(begin, full):
            whole[follow(hashes[i], hashes[i + 1]) >> shift] += 1
        for i in range(full, end - 1):
            ends[follow(hashes[i], hashes[i + 1]) >> shift] += 1


@compiled
def gather(hashes, offsets, longest, shift, whole, ends, keys, places, end_places, end_orders):
    """Write each n-gram at its part's cursor: key and place, or for those at documents' ends place and
    order."""
    for document in range(len(offsets) - 1):
        begin, end = offsets[document], offsets[document + 1]
        full = max(begin, end - longest + 1)
        for i in range(begin, full):
            key = follow(hashes[i], hashes[i + 1])
            part = key >> shift
            for k in range(2, longest):
                key = follow(key, hashes[i + k])
            cursor = whole[part]
            keys[cursor] = key
            places[cursor] = i
            whole[part] = cursor + 1
        for i in range(full, end - 1):
            part = follow(hashes[i], hashes[i + 1]) >> shift
            cursor = ends[part]
            end_places[cursor] = i
            end_orders[cursor] = end - i
            ends[part] = cursor + 1


@compiled
def put_new(keys, places, entry, count, table, slots, new, rows):
    """As `keep_new` from `entry` on, until the table is more than half full; how far, and how many new."""
    mask = slots - ONE
    most = max(slots >> ONE, rows) - rows
    while entry < count and new <= most:
        key = keys[entry] | np.uint64(keys[entry] == EMPTY)
        slot = key & mask
        held = table[slot]
        while (held != key) & (held != EMPTY):
            slot = (slot + ONE) & mask
            held = table[slot]
        table[slot] = key
        places[new] = places[entry]
        new += np.uint64(held == EMPTY)
        entry += ONE
    return entry, new


@compiled
def keep_new(keys, places, count, table, slots, rows):
    """Move the places of keys that the table lacks to the front, and put those keys into it.

    `rows` are in the table already. Returns how many were new, the table and its slots in use.
    """
    entry, new = put_new(keys, places, EMPTY, count, table, slots, EMPTY, rows)
    while entry < count:
        table = grow(table, slots)
        slots = np.uint64(len(table))
        entry, new = put_new(keys, places, entry, count, table, slots, new, rows)
    return new, table, slots


@compiled
def add_ends(hashes, order, end_places, end_orders, begin, end, keys, places, count):
    """Add those of a part's n-grams at documents' ends that have `order` tokens."""
    for entry in range(begin, end):
        places[count] = end_places[entry]
        keys[count] = key_at(hashes, end_places[entry], np.int64(end_orders[entry]))
        count += np.uint64(end_orders[entry] == order)
    return count


@compiled
def shorten(hashes, order, keys, places, count):
    """The keys of the n-grams of `order` tokens at those places."""
    for entry in range(count):
        keys[entry] = key_at(hashes, np.uint64(places[entry]), order)


@compiled
def count_orders(
    hashes, offsets, longest, keys, places, starts, end_places, end_orders, end_starts, last_keys, room, found
):
    """Put into `found[m]` the different n-grams of each order m = 1 … longest.

    last_keys    the last token of each document, which no two tokens begin with
    room         n-grams in the largest part
    """
    own_keys, own_places = np.empty(room, np.uint64), np.empty(room, np.uint32)
    table = np.zeros(FEWEST_SLOTS, np.uint64)
    slots = np.full(longest + 1, FEWEST_SLOTS)
    # Single tokens have one table for all parts: the vocabulary.
    vocabulary, types, size = np.zeros(FEWEST_SLOTS, np.uint64), EMPTY, FEWEST_SLOTS
    for part in range(len(starts) - 1):
        count = np.uint64(starts[part + 1] - starts[part])
        own_keys[:count] = keys[starts[part] : starts[part + 1]]
        own_places[:count] = places[starts[part] : starts[part + 1]]
        begin, end = end_starts[part], end_starts[part + 1]
        for order in range(longest, 1, -1):
            if order < longest:
                count = add_ends(
                    hashes, order, end_places, end_orders, begin, end, own_keys, own_places, count
                )
            used = min(slots[order], np.uint64(len(table)))
            table[:used] = EMPTY
            count, table, used = keep_new(own_keys, own_places, count, table, used, EMPTY)
            slots[order] = slots_for(count + (count >> np.uint64(3)))
            found[order] += np.int64(count)
            shorten(hashes, order - 1, own_keys, own_places, count)
        count, vocabulary, size = keep_new(own_keys, own_places, count, vocabulary, size, types)
        types += count
    last, vocabulary, size = keep_new(
        last_keys, np.empty(len(last_keys), np.uint32), np.uint64(len(last_keys)), vocabulary, size, types
    )
    found[1] = np.int64(types + last)


def distinct_by_order(tokens: Tokens, longest: int, most_bits: int = MOST_BITS) -> list[int]:
    """How many different n-grams there are of each order 1 … `longest`, which is at least 2.

    Takes 12 bytes a token; at most MOST_TOKENS tokens, in at most 2 ** `most_bits` parts.
    """
    size = len(tokens.hashes)
    bits = min(max((size // PART).bit_length(), FEWEST_BITS), most_bits)
    whole, ends = np.zeros((2, 1 << bits), np.int64)
    texts = (tokens.hashes, tokens.offsets, longest)
    shift = np.uint64(64 - bits)
    count_beginnings(*texts, shift, whole, ends)
    starts, end_starts = _starts(whole), _starts(ends)
    keys, places = np.empty(starts[-1], np.uint64), np.empty(starts[-1], np.uint32)
    end_places, end_orders = np.empty(end_starts[-1], np.uint32), np.empty(end_starts[-1], np.uint32)
    gather(*texts, shift, starts[:-1].copy(), end_starts[:-1].copy(), keys, places, end_places, end_orders)
    found = np.zeros(longest + 1, np.int64)
    last_keys = tokens.hashes[tokens.offsets[1:][tokens.lengths > 0] - 1]
    room = int((whole + ends).max()) + 1
    count_orders(*texts, keys, places, starts, end_places, end_orders, end_starts, last_keys, room, found)
    return [int(count) for count in found[1:]]


def _starts(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    starts = np.zeros(len(sizes) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts
