"""N-gram keys, gathered by their leading bits so that each part fits in a core's cache.

A pass over 10 million n-grams that counts them in one large hash table waits for memory at almost every
look-up. Here the keys are first scattered into 2^bits parts by their leading bits (two sequential passes),
then each part is counted in a small table by its trailing bits (`tables`).

A *slice* is a run of parts: with k slices, one after another or each in a process of its own, only a k-th
of the n-grams is held at a time, and what is counted in different slices adds up, because no n-gram is in
two of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.metrics.lexical.compiled import compiled
from services.metrics.lexical.errors import LexicalError
from services.metrics.lexical.text.hashing import follow
from services.metrics.lexical.text.tokens import Tokens

FEWEST_BITS = 4
# More parts than this, and the scatter's write positions no longer fit the first-level cache and TLB.
MOST_BITS, MOST_BITS_WITH_DOCUMENTS = 10, 8
MOST_SLICES = 1 << MOST_BITS_WITH_DOCUMENTS
# About this many n-grams to a part: its table then stays within the first-level cache.
PART = 2048


@dataclass(frozen=True)
class Slice:
    """The `index`-th of `of` equal runs of the key space; `of` is a power of two, at most 256."""

    index: int = 0
    of: int = 1

    def __post_init__(self) -> None:
        power = self.of > 0 and self.of & (self.of - 1) == 0
        if not power or self.of > MOST_SLICES or not 0 <= self.index < self.of:
            raise LexicalError(f"slice {self.index} of {self.of}: there are 1, 2, 4, ... {MOST_SLICES}")

    def parts(self, bits: int) -> tuple[int, int]:
        """First and one past the last part of this slice when there are 2^bits parts."""
        size = (1 << bits) // self.of
        return self.index * size, (self.index + 1) * size


WHOLE = Slice()


def slices_for(tokens: int, most: int) -> int:
    """Into how many slices to divide so many n-grams that a slice has about `most`, or fewer."""
    slices = 1
    while slices < MOST_SLICES and tokens > most * slices:
        slices *= 2
    return slices


@dataclass(frozen=True)
class Entries:
    """All n-grams of one order in a slice, part after part; within a part in the texts' order.

    `keys[starts[p]:starts[p + 1]]` is part p; `documents` says which document each stands in (None when
    not asked for). The arrays are the partitioner's: they hold until it is used again.
    """

    keys: NDArray[np.uint64]
    documents: NDArray[np.uint32] | None
    starts: NDArray[np.int64]

    @property
    def largest(self) -> int:
        """Entries in the largest part."""
        return int(np.diff(self.starts).max(initial=0))


@compiled
def first_keys(hashes, offsets, order, keys):
    """The key of the n-gram that begins at each token; left as it was where the document ends too soon."""
    for document in range(len(offsets) - 1):
        for i in range(offsets[document], offsets[document + 1] - order + 1):
            key = hashes[i]
            for k in range(1, order):
                key = follow(key, hashes[i + k])
            keys[i] = key


@compiled
def longer_keys(hashes, offsets, order, keys):
    """The same from the keys of order - 1, in place."""
    for document in range(len(offsets) - 1):
        for i in range(offsets[document], offsets[document + 1] - order + 1):
            keys[i] = follow(keys[i], hashes[i + order - 1])


@compiled
def count_parts(keys, offsets, order, shift, sizes):
    """Add to `sizes` how many n-grams fall into each part."""
    for document in range(len(offsets) - 1):
        for i in range(offsets[document], offsets[document + 1] - order + 1):
            sizes[keys[i] >> shift] += 1


@compiled
def scatter_keys(keys, offsets, order, shift, low, high, cursors, out):
    """Write each key whose part is in [low, high) at its part's cursor."""
    for document in range(len(offsets) - 1):
        for i in range(offsets[document], offsets[document + 1] - order + 1):
            key = keys[i]
            part = key >> shift
            if low <= part < high:
                place = cursors[part]
                out[place] = key
                cursors[part] = place + 1


@compiled
def scatter_documents(keys, offsets, order, shift, low, high, base, cursors, out, owners):
    """As `scatter_keys`, with the document each n-gram stands in, counted from `base`."""
    for document in range(len(offsets) - 1):
        for i in range(offsets[document], offsets[document + 1] - order + 1):
            key = keys[i]
            part = key >> shift
            if low <= part < high:
                place = cursors[part]
                out[place] = key
                owners[place] = base + document
                cursors[part] = place + 1


class Partitioner:
    """Gathers the n-grams of some texts, order after order, in buffers it keeps.

    `shards` are the texts' tokens, in one or several pieces; documents are numbered through them. The number
    of parts follows from how many tokens they have, or from `sized_for`: one number for sets whose parts are
    to be compared.
    """

    def __init__(self, shards: Sequence[Tokens], sized_for: int | None = None) -> None:
        self.shards = shards
        self._sized_for = sized_for
        self._keys = np.empty(max((len(shard.hashes) for shard in shards), default=0), np.uint64)
        self._order = 0
        self._out = np.empty(0, np.uint64)
        self._owners = np.empty(0, np.uint32)

    @property
    def documents(self) -> int:
        """How many documents the shards have."""
        return sum(map(len, self.shards))

    def entries(self, order: int, *, documents: bool = False, key_slice: Slice = WHOLE) -> Entries:
        """The n-grams of `order` tokens whose key is in the slice."""
        most = MOST_BITS_WITH_DOCUMENTS if documents else MOST_BITS
        bits = max(self._bits(most), (key_slice.of - 1).bit_length())
        low, high = key_slice.parts(bits)
        sizes = np.zeros(1 << bits, np.int64)
        for shard in self.shards:
            count_parts(self._keys_of(shard, order), shard.offsets, order, np.uint64(64 - bits), sizes)
        starts = np.zeros(high - low + 1, np.int64)
        np.cumsum(sizes[low:high], out=starts[1:])
        self._make_room(int(starts[-1]), documents)
        cursors = np.zeros(1 << bits, np.int64)
        cursors[low:high] = starts[:-1]
        self._scatter(order, bits, (low, high), cursors, documents)
        size = starts[-1]
        return Entries(self._out[:size], self._owners[:size] if documents else None, starts)

    def _scatter(
        self, order: int, bits: int, parts: tuple[int, int], cursors: NDArray[np.int64], documents: bool
    ) -> None:
        base = 0
        for shard in self.shards:
            keys = self._keys_of(shard, order)
            where = (
                keys,
                shard.offsets,
                order,
                np.uint64(64 - bits),
                np.uint64(parts[0]),
                np.uint64(parts[1]),
            )
            if documents:
                scatter_documents(*where, base, cursors, self._out, self._owners)
            else:
                scatter_keys(*where, cursors, self._out)
            base += len(shard)

    def _keys_of(self, shard: Tokens, order: int) -> NDArray[np.uint64]:
        """Keys at every token of a shard; a lone shard's are kept, and lengthened when they can be."""
        if len(self.shards) > 1 or order not in (self._order, self._order + 1):
            first_keys(shard.hashes, shard.offsets, order, self._keys)
        elif order == self._order + 1:
            step = longer_keys if order > 1 else first_keys
            step(shard.hashes, shard.offsets, order, self._keys)
        self._order = order
        return self._keys

    def _make_room(self, size: int, documents: bool) -> None:
        """In one piece: numpy asks for huge pages from 4 MB on, and small ones cost more than their use."""
        if len(self._out) < size or (documents and len(self._owners) < size):
            room = np.empty(size + (size + 1) // 2 * documents, np.uint64)
            self._out, self._owners = room[:size], room[size:].view(np.uint32)

    def _bits(self, most: int) -> int:
        tokens = self._sized_for or sum(len(shard.hashes) for shard in self.shards)
        return min(max((tokens // PART).bit_length(), FEWEST_BITS), most)
