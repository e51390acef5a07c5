"""Small hash tables that count the n-grams of one part at a time.

Open addressing by the key's trailing bits, at most half full, growing fourfold; the first size for a part
is what the part before it needed, since parts are alike. An empty slot holds zero; the key zero is stored
as one (which adds 2^-64 to the chance of a collision).

What fills a table and what replaces it by a larger one are functions of their own: in a loop that may do
both, numba counts references to the table at every key, which takes longer than the look-up.
"""

from __future__ import annotations

import numpy as np

from services.metrics.lexical.compiled import compiled

ONE = np.uint64(1)
EMPTY = np.uint64(0)
# Up to this many different keys one table that stays in cache is faster than parts.
ONE_TABLE = np.uint64(1 << 17)
FEWEST_SLOTS = np.uint64(64)


@compiled
def slots_for(rows):
    """The smallest power of two that is at least twice `rows`, and at least FEWEST_SLOTS."""
    slots = FEWEST_SLOTS
    while slots < np.uint64(2 * rows):
        slots <<= ONE
    return slots


@compiled
def add_keys(keys, entry, table, slots, rows):
    """Put keys from `entry` on into a table, until it holds more than half its slots; how far, and rows."""
    mask = slots - ONE
    limit = slots >> ONE
    count = np.uint64(len(keys))
    while entry < count and rows <= limit:
        key = keys[entry] | np.uint64(keys[entry] == EMPTY)
        slot = key & mask
        held = table[slot]
        while (held != key) & (held != EMPTY):
            slot = (slot + ONE) & mask
            held = table[slot]
        table[slot] = key
        rows += np.uint64(held == EMPTY)
        entry += ONE
    return entry, rows


@compiled
def count_distinct(keys, starts):
    """How many different keys there are."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint64)
    total = np.uint64(0)
    for part in range(len(starts) - 1):
        own = keys[starts[part] : starts[part + 1]]
        table[:slots] = EMPTY
        entry, rows = add_keys(own, EMPTY, table, slots, EMPTY)
        while entry < np.uint64(len(own)):
            table = grow(table, slots)
            slots = np.uint64(len(table))
            entry, rows = add_keys(own, entry, table, slots, rows)
        total += rows
        slots = min(slots_for(rows + (rows >> np.uint64(3))), np.uint64(len(table)))
    return np.int64(total)


@compiled
def grow(table, slots):
    """A table of four times the slots with the same keys."""
    larger = np.zeros(slots << np.uint64(2), np.uint64)
    mask = np.uint64(len(larger)) - ONE
    for slot in range(slots):
        key = table[slot]
        if key != 0:
            place = key & mask
            while larger[place] != 0:
                place = (place + ONE) & mask
            larger[place] = key
    return larger


@compiled
def index(keys, rows, slots):
    """A table of row numbers (from 1; 0 is empty) for the keys of the first `rows` rows."""
    table = np.zeros(slots, np.uint32)
    mask = slots - ONE
    for row in range(rows):
        place = keys[row] & mask
        while table[place] != 0:
            place = (place + ONE) & mask
        table[place] = row + 1
    return table


@compiled
def number_keys(keys, entry, table, slots, row_keys, rows, rows_of):
    """Number keys from `entry` on, until the table is more than half full; how far, and rows."""
    mask = slots - ONE
    limit = slots >> ONE
    count = np.uint64(len(keys))
    while entry < count and rows <= limit:
        key = keys[entry]
        slot = key & mask
        row = table[slot]
        while row != 0 and row_keys[np.uint64(row) - ONE] != key:
            slot = (slot + ONE) & mask
            row = table[slot]
        if row == 0:
            row_keys[rows] = key
            rows += ONE
            row = np.uint32(rows)
            table[slot] = row
        rows_of[entry] = row - np.uint32(1)
        entry += ONE
    return entry, rows


@compiled
def number_part(keys, table, slots, row_keys, rows_of):
    """Number the different keys of a part in order of appearance.

    `row_keys[r]` is the key of row r, `rows_of[e]` the row of entry e. Returns the number of rows, the table
    (a larger one when it had to grow) and how many of its slots to begin the next part with.
    """
    table[:slots] = np.uint32(0)
    entry, rows = number_keys(keys, EMPTY, table, slots, row_keys, EMPTY, rows_of)
    while entry < np.uint64(len(keys)):
        slots <<= np.uint64(2)
        table = index(row_keys, np.int64(rows), slots)
        entry, rows = number_keys(keys, entry, table, slots, row_keys, rows, rows_of)
    return np.int64(rows), table, min(slots_for(rows + (rows >> np.uint64(3))), np.uint64(len(table)))


@compiled
def tabulate(keys, starts, row_keys, rows_of):
    """Number the different keys part after part; returns how many. `row_keys` has room for every entry."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    first = np.int64(0)
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        rows, table, slots = number_part(keys[low:high], table, slots, row_keys[first:], rows_of[low:high])
        rows_of[low:high] += np.uint32(first)
        first += rows
    return first


@compiled
def count_keys(keys, starts, largest, row_keys, counts):
    """The different keys, how often each occurs, and how many there are. Both have room for every entry."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    rows_of = np.empty(largest, np.uint32)
    first = np.int64(0)
    for part in range(len(starts) - 1):
        own = keys[starts[part] : starts[part + 1]]
        rows, table, slots = number_part(own, table, slots, row_keys[first:], rows_of)
        counts[first : first + rows] = 0
        for entry in range(len(own)):
            counts[first + rows_of[entry]] += 1
        first += rows
    return first


@compiled
def count_one_table(keys, most):
    """How many different keys there are, in one table; -1 as soon as there are more than `most`."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint64)
    entry, rows = add_keys(keys, EMPTY, table, slots, EMPTY)
    while entry < np.uint64(len(keys)):
        if rows > most:
            return np.int64(-1)
        table = grow(table, slots)
        slots = np.uint64(len(table))
        entry, rows = add_keys(keys, entry, table, slots, rows)
    return np.int64(rows)
