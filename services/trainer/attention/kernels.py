"""How the attention of packed rows is computed: which calls, on which tokens, with which mask.

A layer with a sliding window w sees, of a row, the token itself and the w - 1 before it. Rows no longer than
that are as without a window. Longer ones are cut into chunks of at most w tokens: each is causal in itself,
and sees what it may of the w - 1 tokens before it, in the row or in its prefix, through a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from services.trainer.batching.batches import Segment

# Another round of kernel calls is worth it when it spares this many padded keys per token of the batch: less
# is small beside the token's matrix products. Chosen with `benchmarks.trainer` (packing_mixed_lengths).
SPARED_KEYS = 64
CHUNK = 512
"""Tokens of a chunk, at most: what is computed in vain grows with it, the number of calls shrinks."""
HIDDEN = -1e9
"""Added to a score that does not count. Finite: a query may see nothing of a part, which weighs nothing."""


@dataclass(frozen=True)
class Order:
    """The buckets' segments one after the other: `gather` [entries] is each entry's token (padding repeats a
    segment's last one), `place` [tokens] each token's entry, `real` [entries, 1, 1] marks what is no padding
    (None: there is none).
    """

    gather: Tensor
    place: Tensor
    real: Tensor | None


@dataclass(frozen=True)
class View:
    """Queries `first` to `last` - 1 also see the keys `start` to `stop` - 1: all of them, or, with a mask
    [queries, keys] to be added to the scores, some.
    """

    first: int
    last: int
    start: int
    stop: int
    mask: Tensor | None = None


@dataclass(frozen=True)
class Kernel:
    """How to run the attention of one batch; made once, used by every layer."""

    segments: tuple[Segment, ...]
    counts: tuple[int, ...]
    """Segments of each bucket: those that are padded to one length and computed in one call."""
    sizes: list[int]
    """Entries of each bucket."""
    views: tuple[View, ...]
    order: Order | None = None
    """None when the tokens lie in the buckets' order already."""
    block_mask: Any = None
    windowed: dict[int, Kernel] = field(default_factory=dict, compare=False)
    """For layers with a sliding window, by its size; made on first use."""

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest row, its prefix included."""
        return max(len(one) + (one.prefix[1] - one.prefix[0] if one.prefix else 0) for one in self.segments)

    def take(self, x: Tensor) -> Tensor:
        """[tokens, …] -> [entries, …]."""
        return x if self.order is None else x.index_select(0, self.order.gather)

    def put(self, entries: Tensor) -> Tensor:
        """[entries, …] -> [tokens, …]; what padding holds is left out."""
        return entries if self.order is None else entries.index_select(0, self.order.place)


def cpu_kernel(segments: Sequence[Segment], length: int, window: int | None = None) -> Kernel:
    """Kernel of these segments on a line of `length` tokens (all lines of a batch flattened)."""
    if window is None:
        own, views = list(segments), views_of(segments)
    else:
        own, views = _chunked(segments, length, window)
    groups = _groups(own)
    counts = tuple(map(len, groups))
    sizes = [len(group) * len(group[0]) for group in groups]
    return Kernel(tuple(segments), counts, sizes, tuple(views), _order(groups, length))


def _chunked(segments: Sequence[Segment], length: int, window: int) -> tuple[list[Segment], list[View]]:
    """Chunks that are causal in themselves, and what their tokens see before them."""
    place = places(segments, length)
    chunks: list[Segment] = []
    views: list[View] = []
    size = min(window, CHUNK)
    for segment in segments:
        for start in range(segment.start, segment.stop, size):
            chunks.append(Segment(start, min(start + size, segment.stop)))
            first = max(segment.start, start - window + 1)
            if first < start:
                views.append(_view(start, chunks[-1].stop, first, start, place, window))
    for view in views_of(segments):
        start = max(view.start, view.stop - window + 1)
        if start < view.stop:
            views.append(_view(view.first, view.last, start, view.stop, place, window))
    return chunks, views


def _view(first: int, last: int, start: int, stop: int, place: Tensor, window: int) -> View:
    hidden = place[first:last, None] - place[start:stop] >= window
    mask = torch.zeros(hidden.shape).masked_fill_(hidden, HIDDEN) if bool(hidden.any()) else None
    return View(first, last, start, stop, mask)


def places(segments: Sequence[Segment], length: int) -> Tensor:
    """Each token's place in its row, [length]."""
    found = torch.zeros(length, dtype=torch.long)
    for segment in segments:
        before = 0 if segment.prefix is None else segment.prefix[1] - segment.prefix[0]
        found[segment.start : segment.stop] = torch.arange(before, before + len(segment))
    return found


def _groups(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments by length, each group padded to its longest; cut where that spares most."""
    rest = sorted(segments, key=lambda segment: (segment.start - segment.stop, segment.start))
    enough = SPARED_KEYS * sum(map(len, segments))
    groups: list[list[Segment]] = []
    while rest:
        whole, lengths = len(rest[0]) ** 2, [len(segment) for segment in rest]
        spared = [(len(rest) - index) * (whole - length**2) for index, length in enumerate(lengths)]
        cut = max(range(len(rest)), key=spared.__getitem__)
        if spared[cut] < max(enough, 1):
            cut = len(rest)
        groups.append(rest[:cut])
        rest = rest[cut:]
    return groups


def _order(groups: Sequence[Sequence[Segment]], length: int) -> Order | None:
    gather: list[int] = []
    place = [0] * length
    padding: list[int] = []
    for group in groups:
        for segment in group:
            place[segment.start : segment.stop] = range(len(gather), len(gather) + len(segment))
            gather += range(segment.start, segment.stop)
            padding += range(len(gather), len(gather) + len(group[0]) - len(segment))
            gather += [segment.stop - 1] * (len(group[0]) - len(segment))
    if gather == place:
        return None
    real = None
    if padding:
        real = torch.ones(len(gather), 1, 1, dtype=torch.bool)
        real[padding] = False
    return Order(torch.tensor(gather), torch.tensor(place), real)


def views_of(segments: Sequence[Segment]) -> list[View]:
    """What the rows see of their prefixes; consecutive rows of one prefix are one block of queries."""
    views: list[View] = []
    for segment in segments:
        if segment.prefix is None:
            continue
        start, stop = segment.prefix
        last = views[-1] if views else None
        if last is not None and (last.start, last.stop, last.last) == (start, stop, segment.start):
            views[-1] = View(last.first, segment.stop, start, stop)
        else:
            views.append(View(segment.start, segment.stop, start, stop))
    return views
