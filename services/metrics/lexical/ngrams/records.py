"""N-grams with what documents have them: a table of one record of 32 bytes for each n-gram.

All that a kernel needs of an n-gram lies in one cache line:

    field      0, 1   2       3           4         5        6                 7
    uint32     key    count   documents   largest   second   last document     its count there

`count` occurrences in `documents` documents, `largest` times in one and no more than `second` times in any
other; the last two fields are the kernels' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.ngrams.partition import Entries
from services.metrics.lexical.ngrams.tables import EMPTY, FEWEST_SLOTS, ONE, index, slots_for

COUNT, DOCUMENTS, LARGEST, SECOND, LAST, HERE = range(2, 8)
FIELDS = 8
NOWHERE = np.uint32(0xFFFFFFFF)


@compiled
def keep_two_largest(records, row, count):  # type: ignore[no-untyped-def]
    """Take one more document's count into a record's two largest."""
    if count > records[row, LARGEST]:
        records[row, SECOND] = records[row, LARGEST]
        records[row, LARGEST] = count
    elif count > records[row, SECOND]:
        records[row, SECOND] = count


@compiled
def start(records, row, owner):  # type: ignore[no-untyped-def]
    """A new n-gram's record, seen once in one document."""
    records[row, COUNT] = records[row, DOCUMENTS] = records[row, HERE] = np.uint32(1)
    records[row, LARGEST] = records[row, SECOND] = np.uint32(0)
    records[row, LAST] = owner


@compiled
def see(records, row, owner):  # type: ignore[no-untyped-def]
    """One more occurrence; documents come in order."""
    records[row, COUNT] += np.uint32(1)
    if records[row, LAST] == owner:
        records[row, HERE] += np.uint32(1)
        return
    keep_two_largest(records, row, records[row, HERE])
    records[row, DOCUMENTS] += np.uint32(1)
    records[row, HERE] = np.uint32(1)
    records[row, LAST] = owner


@compiled
def record_keys_from(  # type: ignore[no-untyped-def]
    keys, owners, entry, table, slots, records, record_keys, rows, rows_of
):
    """Record entries from `entry` on, until all are or the table is more than half full.

    Returns the number of the first entry that is not recorded, and how many rows of `records` are in use.
    """
    mask = slots - ONE
    limit = slots >> ONE
    count = np.uint64(len(keys))
    while entry < count and rows <= limit:
        key = keys[entry]
        slot = key & mask
        row = table[slot]
        while row != 0 and record_keys[np.uint64(row) - ONE, 0] != key:
            slot = (slot + ONE) & mask
            row = table[slot]
        if row != 0:
            see(records, np.uint64(row) - ONE, owners[entry])
        else:
            record_keys[rows, 0] = key
            start(records, rows, owners[entry])
            rows += ONE
            row = np.uint32(rows)
            table[slot] = row
        rows_of[entry] = row - np.uint32(1)
        entry += ONE
    return entry, rows


@compiled
def record_part(keys, owners, table, slots, records, record_keys, rows_of):  # type: ignore[no-untyped-def]
    """Fill the records of one part; as `tables.number_part`.

    records, record_keys    the same memory as (entries, 8) uint32 and (entries, 4) uint64
    """
    table[:slots] = np.uint32(0)
    entry, rows = record_keys_from(keys, owners, EMPTY, table, slots, records, record_keys, EMPTY, rows_of)
    while entry < np.uint64(len(keys)):
        slots <<= np.uint64(2)
        table = index(record_keys[:, 0], np.int64(rows), slots)
        entry, rows = record_keys_from(keys, owners, entry, table, slots, records, record_keys, rows, rows_of)
    settle(records[:rows])
    return np.int64(rows), table, min(slots_for(rows + (rows >> np.uint64(3))), np.uint64(len(table)))


@compiled
def forget(records):  # type: ignore[no-untyped-def]
    """Forget the last document of each record, so that another pass over the entries can begin."""
    for row in range(len(records)):
        records[row, LAST] = NOWHERE


@compiled
def settle(records):  # type: ignore[no-untyped-def]
    """Take the last document's count into each record, and forget that document."""
    for row in range(len(records)):
        keep_two_largest(records, row, records[row, HERE])
    forget(records)


@compiled
def clip(rows_of, owners, records, matches):  # type: ignore[no-untyped-def]
    """Add to each document its clipped matches, the sum over its n-grams of min(its count, second)."""
    for entry in range(len(rows_of)):
        row = np.uint64(rows_of[entry])
        second = records[row, SECOND]
        if second == 0:
            continue
        owner = owners[entry]
        here = records[row, HERE] + np.uint32(1) if records[row, LAST] == owner else np.uint32(1)
        records[row, HERE] = here
        records[row, LAST] = owner
        matches[owner] += here <= second


@compiled
def sum_documents(rows_of, owners, records, occurrences, types):  # type: ignore[no-untyped-def]
    """Add to each document, over its n-grams, the number of documents that have the n-gram.

    `occurrences` sums over every occurrence, `types` once over each different n-gram and without the
    document itself.
    """
    for entry in range(len(rows_of)):
        row = np.uint64(rows_of[entry])
        owner = owners[entry]
        documents = np.int64(records[row, DOCUMENTS])
        occurrences[owner] += documents
        if records[row, LAST] != owner:
            types[owner] += documents - 1
            records[row, LAST] = owner


@compiled
def clip_parts(keys, owners, starts, memory, matches):  # type: ignore[no-untyped-def]
    """`clip` over all parts; `memory`: (largest part, 4) uint64 for the records of one."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    records, rows_of = memory.view(np.uint32), np.empty(len(memory), np.uint32)
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        _, table, slots = record_part(
            keys[low:high], owners[low:high], table, slots, records, memory, rows_of
        )
        clip(rows_of[: high - low], owners[low:high], records, matches)


@compiled
def sum_parts(keys, owners, starts, memory, occurrences, types):  # type: ignore[no-untyped-def]
    """`sum_documents` over all parts."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    records, rows_of = memory.view(np.uint32), np.empty(len(memory), np.uint32)
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        _, table, slots = record_part(
            keys[low:high], owners[low:high], table, slots, records, memory, rows_of
        )
        sum_documents(rows_of[: high - low], owners[low:high], records, occurrences, types)


@compiled
def survey_parts(  # type: ignore[no-untyped-def]
    keys, owners, starts, memory, tally, common, matches, occurrences, types
):
    """All at once: the tally of counts (as `amounts.tally_keys`), clipped matches, and document sums.

    Without `occurrences` (length 0) the sums are left out. Returns how many counts went to `common`.
    """
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    records, rows_of = memory.view(np.uint32), np.empty(len(memory), np.uint32)
    beyond = 0
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        own = owners[low:high]
        rows, table, slots = record_part(keys[low:high], own, table, slots, records, memory, rows_of)
        for row in range(rows):
            count = np.int64(records[row, COUNT])
            if count < len(tally):
                tally[count] += 1
            else:
                common[beyond] = count
                beyond += 1
        clip(rows_of[: high - low], own, records, matches)
        if len(occurrences) > 0:
            forget(records[:rows])
            sum_documents(rows_of[: high - low], own, records, occurrences, types)
    return beyond


@compiled
def keep_parts(keys, owners, starts, memory, rows_of):  # type: ignore[no-untyped-def]
    """Keep the records of all parts one after another; how many. `rows_of`: the record of each entry."""
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    records = memory.view(np.uint32)
    first = np.int64(0)
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        rows, table, slots = record_part(
            keys[low:high], owners[low:high], table, slots, records[first:], memory[first:], rows_of[low:high]
        )
        rows_of[low:high] += np.uint32(first)
        first += rows
    return first


def clipped(entries: Entries, documents: int) -> NDArray[np.int64]:
    """For each document Σ min(its count, second) over its n-grams: BLEU's matches against all others."""
    matches = np.zeros(documents, np.int64)
    clip_parts(entries.keys, entries.documents, entries.starts, record_memory(entries.largest), matches)
    return matches


def document_sums(entries: Entries, documents: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each document, the two sums of `sum_documents`."""
    occurrences, types = np.zeros((2, documents), np.int64)
    memory = record_memory(entries.largest)
    sum_parts(entries.keys, entries.documents, entries.starts, memory, occurrences, types)
    return occurrences, types


def record_memory(records: int) -> NDArray[np.uint64]:
    """Room for so many records; as uint32 it has FIELDS columns."""
    return np.empty((records, FIELDS // 2), np.uint64)


@dataclass(frozen=True)
class DocumentRecords:
    """The records of all n-grams, and which one each entry is of. Good for one pass over the entries."""

    records: NDArray[np.uint32]
    of: NDArray[np.uint32]
    owners: NDArray[np.uint32]

    @classmethod
    def from_entries(cls, entries: Entries) -> Self:
        assert entries.documents is not None
        memory, rows_of = record_memory(len(entries.keys)), np.empty(len(entries.keys), np.uint32)
        found = keep_parts(entries.keys, entries.documents, entries.starts, memory, rows_of)
        return cls(memory.view(np.uint32)[:found], rows_of, entries.documents)

    @property
    def keys(self) -> NDArray[np.uint64]:
        return self.records.view(np.uint64)[:, 0].copy()

    def field(self, number: int) -> NDArray[np.uint32]:
        """A column of the records, copied."""
        return self.records[:, number].copy()

    def clipped(self, documents: int) -> NDArray[np.int64]:
        """As the function of that name, with `second` as the records have it now."""
        matches = np.zeros(documents, np.int64)
        clip(self.of, self.owners, self.records, matches)
        return matches

    def document_sums(self, documents: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """As the function of that name, with `documents` as the records have it now."""
        occurrences, types = np.zeros((2, documents), np.int64)
        sum_documents(self.of, self.owners, self.records, occurrences, types)
        return occurrences, types
