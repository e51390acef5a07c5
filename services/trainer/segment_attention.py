"""Attention over packed segments on the CPU, without paying for what is masked.

A packed line is a list of segments (see `batches`). Each is causal in itself; the rows of a shared prefix
also see all of it. A dense mask would cost a full square of the line; here each part is a plain call of the
flash kernel, torch's own `_scaled_dot_product_flash_attention_for_cpu`, the one that SDPA calls:

- *own part*: segments of similar length side by side, causal, the shorter ones padded;
- *prefix part*: all queries that share a prefix against the prefix's keys, with no mask at all.

A query's two parts (o₁, ℓ₁), (o₂, ℓ₂), ℓ = log Σ exp(score), are one softmax split in two: ℓ = log(e^ℓ₁ +
e^ℓ₂), o = e^(ℓ₁-ℓ) o₁ + e^(ℓ₂-ℓ) o₂. The kernel's backward needs only (o, ℓ) of the *whole* softmax, so each
part's gradient comes from the same kernel given the merged pair, and the parts' gradients add up (as in ring
attention, Liu et al. 2023, arXiv 2310.01889).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from services.trainer.batches import Segment

# Another round of kernel calls is worth it when it spares this many padded keys per token of the batch: less
# is small beside the token's matrix products. Chosen with `benchmarks.trainer` (packing_mixed_lengths).
SPARED_KEYS = 64

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


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
class Kernel:
    """How to run the attention of one batch; made once, used by every layer."""

    segments: tuple[Segment, ...]
    counts: tuple[int, ...]
    """Segments of each bucket: those that are padded to one length and computed in one call."""
    sizes: list[int]
    """Entries of each bucket."""
    views: tuple[tuple[int, int, int, int], ...]
    """(first query, last query + 1, first key, last key + 1) of each prefix part."""
    order: Order | None = None
    """None when the tokens lie in the buckets' order already."""
    block_mask: Any = None

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


def cpu_kernel(segments: Sequence[Segment], length: int) -> Kernel:
    """Kernel of these segments on a line of `length` tokens (all lines of a batch flattened)."""
    groups = _groups(segments)
    counts = tuple(map(len, groups))
    sizes = [len(group) * len(group[0]) for group in groups]
    return Kernel(tuple(segments), counts, sizes, tuple(views_of(segments)), _order(groups, length))


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


def views_of(segments: Sequence[Segment]) -> list[tuple[int, int, int, int]]:
    """Consecutive segments of one prefix are one block of queries."""
    views: list[tuple[int, int, int, int]] = []
    for segment in segments:
        if segment.prefix is None:
            continue
        if views and views[-1][2:] == segment.prefix and views[-1][1] == segment.start:
            views[-1] = (views[-1][0], segment.stop, *segment.prefix)
        else:
            views.append((segment.start, segment.stop, *segment.prefix))
    return views


def _slice(x: Tensor, start: int, stop: int) -> Tensor:
    """[tokens, heads, …] -> [1, heads, stop - start, …], no copy."""
    return x[start:stop].transpose(0, 1).unsqueeze(0)


class SegmentAttention(torch.autograd.Function):
    """softmax(scale q kᵀ) v inside segments and towards their prefixes.

    query [lines, heads, length, dim], key and value with theirs; returns [lines, length, heads, dim]. The
    three become one tensor [tokens, heads + 2 key heads, dim], so that a step dispatches few operations
    however many segments it has.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, run: Kernel, scale: float) -> Tensor:
        x = tokens_of(query, key, value)
        sizes = [query.shape[1], key.shape[1], value.shape[1]]
        taken = run.take(x)
        parts = [_flash(*by_heads(part, sizes), 0.0, True, scale=scale) for part in _buckets_of(taken, run)]
        out = _put_together([o for o, _ in parts], run)
        lse = None
        if run.views:
            lse = _put_together([log_sum for _, log_sum in parts], run)
            for view in run.views:
                _add_view(out, lse, view, x, sizes, scale)
            again = (_buckets_of(run.take(whole), run) for whole in (out, lse))
            parts = list(zip(*again, strict=True))
        ctx.save_for_backward(x, out if run.views else None, lse, *(part for pair in parts for part in pair))
        ctx.run, ctx.scale, ctx.sizes = run, scale, sizes
        return out.view(query.shape[0], query.shape[2], *out.shape[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        run: Kernel = ctx.run
        x, out, lse, *parts = ctx.saved_tensors
        sizes, lines = ctx.sizes, grad.shape[0]
        grad = grad.flatten(0, 1)
        grads = []
        for inputs, o, log_sum in zip(_inputs(grad, x, sizes, run), parts[::2], parts[1::2], strict=True):
            found = _flash_backward(*inputs, o, log_sum, 0.0, True, scale=ctx.scale)
            grads.append(torch.cat(found, 1))
        total = _put_together(grads, run)
        for view in run.views:
            _add_view_backward(total, view, (grad, x, out, lse), sizes, ctx.scale)
        of_inputs = by_heads(total.view(lines, -1, *total.shape[1:]).transpose(1, 2), sizes)
        return *of_inputs, None, None


def _inputs(grad: Tensor, x: Tensor, sizes: list[int], run: Kernel) -> Iterator[Sequence[Tensor]]:
    """The gradient, queries, keys and values of every bucket."""
    if run.order is None:
        for gradient, part in zip(_buckets_of(grad, run), _buckets_of(x, run), strict=True):
            yield gradient, *by_heads(part, sizes)
        return
    heads = grad.shape[1]
    taken = run.take(torch.cat((grad, x), 1))  # one gather for the four
    if run.order.real is not None:
        taken[:, :heads].mul_(run.order.real)  # padding repeats a token, whose gradient must count once
    for part in _buckets_of(taken, run):
        yield by_heads(part, [heads, *sizes])


def by_heads(x: Tensor, sizes: list[int]) -> Sequence[Tensor]:
    """[…, all heads, …] along axis 1, as the tensors it was made of."""
    return torch.split_with_sizes(x, sizes, 1)


def tokens_of(*tensors: Tensor) -> Tensor:
    """[lines, heads, length, dim] of each -> [tokens, all heads, dim]."""
    return torch.cat(tensors, 1).transpose(1, 2).flatten(0, 1)


def _put_together(parts: Sequence[Tensor], run: Kernel) -> Tensor:
    """[segments, heads, length, …] of every bucket -> [tokens, heads, …]."""
    flat = [part.transpose(1, 2).flatten(0, 1) for part in parts]
    entries = torch.cat(flat) if len(flat) > 1 else flat[0]
    return run.put(entries)


def _buckets_of(entries: Tensor, run: Kernel) -> list[Tensor]:
    """[entries, heads, …] -> [segments, heads, length, …] of every bucket, no copy."""
    parts = torch.split_with_sizes(entries, run.sizes) if len(run.sizes) > 1 else (entries,)
    return [
        part.view(count, -1, *part.shape[1:]).transpose(1, 2)
        for part, count in zip(parts, run.counts, strict=True)
    ]


def _add_view(
    out: Tensor, lse: Tensor, view: tuple[int, int, int, int], x: Tensor, sizes: list[int], scale: float
) -> None:
    first, last, start, stop = view
    query, _, _ = by_heads(_slice(x, first, last), sizes)
    _, key, value = by_heads(_slice(x, start, stop), sizes)
    o, log_sum = _flash(query, key, value, scale=scale)
    _merge(out[first:last], lse[first:last], o[0].transpose(0, 1), log_sum[0].transpose(0, 1))


def _add_view_backward(
    total: Tensor,
    view: tuple[int, int, int, int],
    saved: Sequence[Tensor],
    sizes: list[int],
    scale: float,
) -> None:
    first, last, start, stop = view
    grad, x, out, lse = saved
    query, _, _ = by_heads(_slice(x, first, last), sizes)
    _, key, value = by_heads(_slice(x, start, stop), sizes)
    of_queries, *of_prefix = _flash_backward(
        _slice(grad, first, last),
        query,
        key,
        value,
        _slice(out, first, last),
        _slice(lse, first, last),
        0.0,
        False,
        scale=scale,
    )
    total[first:last, : sizes[0]] += of_queries[0].transpose(0, 1)
    total[start:stop, sizes[0] :] += torch.cat(of_prefix, 1)[0].transpose(0, 1)


def _merge(out: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
    """Joins two parts of one softmax, in place."""
    whole = torch.logaddexp(lse, other_lse)
    out.mul_((lse - whole).exp_().unsqueeze(-1)).add_(other * (other_lse - whole).exp_().unsqueeze(-1))
    lse.copy_(whole)
