"""Kernels that count different n-grams by group, and that add up the columns of states."""

from __future__ import annotations

import numpy as np

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.ngrams.tables import FEWEST_SLOTS, number_part


@compiled
def add_rows(rows_of, sources, values, sums):
    """Add `values[sources[e]]` to the row of each entry e."""
    for entry in range(len(rows_of)):
        sums[rows_of[entry]] += values[sources[entry]]


@compiled
def keep_two_largest(row, count, largest, second):
    """Take one more document's count into a row's two largest."""
    if count > largest[row]:
        second[row] = largest[row]
        largest[row] = count
    elif count > second[row]:
        second[row] = count


@compiled
def merge_two_largest(rows_of, sources, from_largest, from_second, largest, second):
    """The two largest of the union, where source s gives two of its own."""
    for entry in range(len(rows_of)):
        keep_two_largest(rows_of[entry], from_largest[sources[entry]], largest, second)
        keep_two_largest(rows_of[entry], from_second[sources[entry]], largest, second)


@compiled
def first_groups(keys, owners, starts, largest, group, row_keys, row_groups):
    """The different keys and the group of each one's first document; how many."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    rows_of = np.empty(largest, np.uint32)
    first = np.int64(0)
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        rows, table, slots = number_part(keys[low:high], table, slots, row_keys[first:], rows_of)
        seen = 0
        for entry in range(high - low):
            if rows_of[entry] == seen:
                row_groups[first + seen] = group[owners[low + entry]]
                seen += 1
        first += rows
    return first
