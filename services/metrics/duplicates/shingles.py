"""Documents as sets of shingles (word n-grams), reduced to what can be shared.

A shingle that one document alone has can match nothing: it counts towards the size of its document's set,
and is never stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.ngrams.partition import Partitioner, Slice, slices_for
from services.metrics.lexical.ngrams.records import DOCUMENTS, HERE, LAST, record_memory, record_part
from services.metrics.lexical.ngrams.tables import FEWEST_SLOTS
from services.metrics.lexical.text.tokens import Tokens

# N-grams held at a time: more are taken in slices of the key space.
MOST_ENTRIES = 32_000_000


@compiled
def shared_shingles(keys, owners, starts, memory, sizes, holders, commonness):
    """Count each document's different shingles; list the documents of those that two or more have.

    commonness    for each shared shingle, how many documents have it
    holders       those documents, ascending, shingle after shingle

    Returns how many holders were written, and how many shared shingles there are.
    """
    slots = FEWEST_SLOTS
    table = np.zeros(slots, np.uint32)
    records, rows_of = memory.view(np.uint32), np.empty(len(memory), np.uint32)
    written = shared = np.int64(0)
    for part in range(len(starts) - 1):
        low, high = starts[part], starts[part + 1]
        rows, table, slots = record_part(
            keys[low:high], owners[low:high], table, slots, records, memory, rows_of
        )
        first = written
        for row in range(rows):
            if records[row, DOCUMENTS] > 1:
                commonness[shared] = records[row, DOCUMENTS]
                # From here on HERE is the place, after `first`, of the next document that has the shingle.
                records[row, HERE] = written - first
                written += records[row, DOCUMENTS]
                shared += 1
        for entry in range(high - low):
            record, owner = np.uint64(rows_of[entry]), owners[low + entry]
            if records[record, LAST] == owner:
                continue
            records[record, LAST] = owner
            sizes[owner] += 1
            if records[record, DOCUMENTS] > 1:
                holders[first + records[record, HERE]] = owner
                records[record, HERE] += np.uint32(1)
    return written, shared


@compiled
def list_shingles(order, commonness, begins, holders, kept, cursors, out):
    """Each kept document's shingles by rank, ascending, from its cursor on; `order[r]`: rank r's number."""
    for rank in range(len(order)):
        begin = begins[order[rank]]
        for k in range(begin, begin + commonness[order[rank]]):
            document = holders[k]
            if kept[document]:
                out[cursors[document]] = rank
                cursors[document] += 1


@dataclass(frozen=True)
class ShingleSets:
    """Sets of shingles of the documents that can have a partner.

    sizes       (documents,) different shingles of each document
    starts      (documents + 1,) bounds of each document's shared shingles in `shingles`; none where the
                document has so many of its own that no other can reach the threshold
    shingles    shared shingles by rank, ascending in each document: 0 is the rarest of all
    """

    sizes: NDArray[np.int64]
    starts: NDArray[np.int64]
    shingles: NDArray[np.uint32]

    @classmethod
    def of(
        cls, shards: Sequence[Tokens], length: int, threshold: float, among: NDArray[np.bool_] | None = None
    ) -> Self:
        """Shingles of `length` tokens. Documents that are not `among` those asked for have none listed."""
        partitioner = Partitioner(shards)
        sizes = np.zeros(partitioner.documents, np.int64)
        holders, commonness = _shared(partitioner, length, sizes)
        shared = np.bincount(holders, minlength=len(sizes)).astype(np.int64)
        kept = sizes - shared < prefix_lengths(sizes, threshold)
        if among is not None:
            kept &= among
        starts = np.concatenate([[0], np.cumsum(np.where(kept, shared, 0))])
        order = np.argsort(commonness, kind="stable")
        begins = np.concatenate([[0], np.cumsum(commonness, dtype=np.int64)])
        shingles = np.empty(starts[-1], np.uint32)
        list_shingles(order, commonness, begins, holders, kept, starts[:-1].copy(), shingles)
        return cls(sizes, starts, shingles)


def _shared(
    partitioner: Partitioner, length: int, sizes: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Holders of the shared shingles and how many each has, from all slices of the key space."""
    tokens = sum(len(shard.hashes) for shard in partitioner.shards)
    slices = slices_for(tokens, MOST_ENTRIES)
    found: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]] = []
    for index in range(slices):
        entries = partitioner.entries(length, documents=True, key_slice=Slice(index, slices))
        size = len(entries.keys)
        holders, commonness = np.empty(size, np.uint32), np.empty(size // 2 + 1, np.uint32)
        memory = record_memory(entries.largest)
        written, shared = shared_shingles(
            entries.keys, entries.documents, entries.starts, memory, sizes, holders, commonness
        )
        found.append((holders[:written], commonness[:shared]))
    if slices == 1:
        return found[0]
    return np.concatenate([part[0] for part in found]), np.concatenate([part[1] for part in found])


def prefix_lengths(sizes: NDArray[np.int64], threshold: float) -> NDArray[np.int64]:
    """Two sets with Jaccard >= threshold share one of these many rarest shingles of each.

    |x| - ceil(t |x|) + 1: a set that lacks its first that many keeps too few to reach the threshold.
    """
    needed = np.ceil(threshold * sizes - 1e-9).astype(np.int64)
    return np.where(sizes > 0, sizes - needed + 1, 0)
