"""Tables of keys with an amount each: how often n-grams occur, in one set of texts or in each of two.

Used as `tables` says. With two sets, an amount is 2^32 times the count on the left plus that on the right.
"""

from __future__ import annotations

import numpy as np

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.ngrams.tables import EMPTY, FEWEST_SLOTS, ONE, slots_for

LEFT = np.uint64(1 << 32)
NO_LIMIT = np.uint64(2**64 - 1)


@compiled
def add_amounts(keys, entry, table, amounts, slots, rows, amount):
    """Add `amount` to that of each key from `entry` on, until the table is more than half full; how far, and
    rows."""
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
        amounts[slot] += amount
        rows += np.uint64(held == EMPTY)
        entry += ONE
    return entry, rows


@compiled
def grow_amounts(table, amounts, slots):
    """A table of four times the slots with the same keys and amounts."""
    larger, moved = np.zeros((2, slots << np.uint64(2)), np.uint64)
    mask = np.uint64(len(larger)) - ONE
    for slot in range(slots):
        key = table[slot]
        if key != 0:
            place = key & mask
            while larger[place] != 0:
                place = (place + ONE) & mask
            larger[place], moved[place] = key, amounts[slot]
    return larger, moved


@compiled
def sum_amounts(keys, table, amounts, slots, rows, amount, most):
    """Add `amount` to that of every key, growing the table; gives up above `most` rows.

    Returns rows, and the table, its amounts and its slots in use.
    """
    entry, rows = add_amounts(keys, EMPTY, table, amounts, slots, rows, amount)
    while entry < np.uint64(len(keys)) and rows <= most:
        table, amounts = grow_amounts(table, amounts, slots)
        slots = np.uint64(len(table))
        entry, rows = add_amounts(keys, entry, table, amounts, slots, rows, amount)
    return rows, table, amounts, slots


@compiled
def tally_amounts(amounts, tally, common, beyond):
    """Tally how many amounts are 1, 2, ...; those beyond the tally go to `common`. How many did so far."""
    for slot in range(len(amounts)):
        amount = np.int64(amounts[slot])
        if amount < len(tally):
            tally[amount] += 1
        else:
            common[beyond] = amount
            beyond += 1
    return beyond


@compiled
def tally_keys(keys, starts, tally, common):
    """Tally how many keys occur once, twice, ...; counts beyond the tally go to `common`. How many did.

    What it adds to `tally[0]` means nothing.
    """
    slots = FEWEST_SLOTS
    table, amounts = np.zeros(slots, np.uint64), np.zeros(slots, np.uint64)
    beyond = 0
    for part in range(len(starts) - 1):
        table[:slots], amounts[:slots] = EMPTY, EMPTY
        own = keys[starts[part] : starts[part + 1]]
        rows, table, amounts, slots = sum_amounts(own, table, amounts, slots, EMPTY, ONE, NO_LIMIT)
        beyond = tally_amounts(amounts[:slots], tally, common, beyond)
        slots = min(slots_for(rows + (rows >> np.uint64(3))), np.uint64(len(table)))
    return beyond


@compiled
def tally_one_table(keys, most, tally, common):
    """The same in one table; -1, and nothing tallied, where there are more than `most` different keys."""
    table, amounts = np.zeros(FEWEST_SLOTS, np.uint64), np.zeros(FEWEST_SLOTS, np.uint64)
    rows, table, amounts, _ = sum_amounts(keys, table, amounts, FEWEST_SLOTS, EMPTY, ONE, most)
    return tally_amounts(amounts, tally, common, 0) if rows <= most else -1


@compiled
def pack_amounts(amounts, pairs, written):
    """Append the amounts that are not zero; how many are written."""
    for slot in range(len(amounts)):
        pairs[written] = amounts[slot]
        written += np.uint64(amounts[slot] != 0)
    return written


@compiled
def pair_keys(left, left_starts, right, right_starts, pairs):
    """For each different key 2^32 times its count on the left, plus that on the right; how many.

    `pairs` has room for every key and one more.
    """
    slots = FEWEST_SLOTS
    table, amounts = np.zeros(slots, np.uint64), np.zeros(slots, np.uint64)
    written = EMPTY
    for part in range(len(left_starts) - 1):
        table[:slots], amounts[:slots] = EMPTY, EMPTY
        own = left[left_starts[part] : left_starts[part + 1]]
        rows, table, amounts, slots = sum_amounts(own, table, amounts, slots, EMPTY, LEFT, NO_LIMIT)
        own = right[right_starts[part] : right_starts[part + 1]]
        rows, table, amounts, slots = sum_amounts(own, table, amounts, slots, rows, ONE, NO_LIMIT)
        written = pack_amounts(amounts[:slots], pairs, written)
        slots = min(slots_for(rows + (rows >> np.uint64(3))), np.uint64(len(table)))
    return np.int64(written)


@compiled
def pair_one_table(left, right, most, pairs):
    """The same in one table; -1 where there are more than `most` different keys."""
    table, amounts = np.zeros(FEWEST_SLOTS, np.uint64), np.zeros(FEWEST_SLOTS, np.uint64)
    rows, table, amounts, slots = sum_amounts(left, table, amounts, FEWEST_SLOTS, EMPTY, LEFT, most)
    rows, table, amounts, slots = sum_amounts(right, table, amounts, slots, rows, ONE, most)
    return np.int64(pack_amounts(amounts, pairs, EMPTY)) if rows <= most else -1
