"""Attention over packed segments: exact, and without paying for what is masked.

A packed line is a list of segments (see `batches`). Each is causal in itself; the rows of a shared prefix
also see all of it. A dense mask would cost a full square of the line; here each part is a plain call of the
flash kernel:

- *own part*: segments of similar length side by side, causal, the shorter ones padded;
- *prefix part*: all queries that share a prefix against the prefix's keys, with no mask at all.

A query's two parts (o₁, ℓ₁), (o₂, ℓ₂), ℓ = log Σ exp(score), are one softmax split in two: ℓ = log(e^ℓ₁ +
e^ℓ₂), o = e^(ℓ₁-ℓ) o₁ + e^(ℓ₂-ℓ) o₂. The kernel's backward needs only (o, ℓ) of the *whole* softmax, so each
part's gradient comes from the same kernel given the merged pair, and the parts' gradients add up (as in ring
attention, Liu et al. 2023, arXiv 2310.01889).

On the CPU the kernel is torch's own `_scaled_dot_product_flash_attention_for_cpu`, the one that SDPA calls.
On other devices the same segments become a FlexAttention block mask. `dense_attention` is the plain-mask
reference of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from services.trainer.batches import Segment
from services.trainer.errors import UnsuitableModel

NAME = "gamut_segments"
# A bucket of segments is closed when the next one is shorter than this share of its longest: padding costs
# less than another round of kernel calls. Chosen with `benchmarks.trainer` (packing_mixed_lengths).
BUCKET_SHARE = 0.5

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


@dataclass(frozen=True)
class Bucket:
    """Segments padded to one length: `gather` [n * length] flat positions (padding repeats a segment's last
    token); `valid` selects the entries of `gather` that are real, None when all are; `real` are their
    positions, a slice when they are neighbours.
    """

    count: int
    gather: Tensor
    valid: Tensor | None
    real: Tensor | slice


@dataclass(frozen=True)
class Kernel:
    """How to run the attention of one batch; made once, used by every layer."""

    segments: tuple[Segment, ...]
    buckets: tuple[Bucket, ...]
    views: tuple[tuple[int, int, int, int], ...]
    """(first query, last query + 1, first key, last key + 1) of each prefix part."""
    block_mask: Any = None


def kernel(segments: Sequence[Segment], device: torch.device, length: int) -> Kernel:
    """Kernel of these segments on a line of `length` tokens (all lines of a batch flattened)."""
    if device.type != "cpu":
        return Kernel(tuple(segments), (), (), block_mask(segments, length, device))
    return Kernel(tuple(segments), tuple(_buckets(segments)), tuple(_views(segments)))


def _buckets(segments: Sequence[Segment]) -> list[Bucket]:
    ordered = sorted(segments, key=lambda segment: (segment.start - segment.stop, segment.start))
    groups: list[list[Segment]] = []
    for segment in ordered:
        length = segment.stop - segment.start
        if groups and length >= BUCKET_SHARE * (groups[-1][0].stop - groups[-1][0].start):
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return [_bucket(group) for group in groups]


def _bucket(group: Sequence[Segment]) -> Bucket:
    starts = torch.tensor([segment.start for segment in group])[:, None]
    lasts = torch.tensor([segment.stop - 1 for segment in group])[:, None]
    places = starts + torch.arange(group[0].stop - group[0].start)
    real = (places <= lasts).flatten()
    gather = torch.minimum(places, lasts).flatten()
    if bool(real.all()):
        first, last = int(gather[0]), int(gather[-1])
        neighbours = last - first + 1 == len(gather) and bool((gather.diff() == 1).all())
        return Bucket(len(group), gather, None, slice(first, last + 1) if neighbours else gather)
    valid = real.nonzero().squeeze(1)
    return Bucket(len(group), gather, valid, gather[valid])


def _views(segments: Sequence[Segment]) -> list[tuple[int, int, int, int]]:
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


def _take(x: Tensor, bucket: Bucket) -> Tensor:
    """[tokens, heads, dim] -> [segments, heads, length, dim]."""
    rows = x[bucket.real] if isinstance(bucket.real, slice) else x.index_select(0, bucket.gather)
    return rows.reshape(bucket.count, -1, *x.shape[1:]).transpose(1, 2)


def _put(x: Tensor, bucket: Bucket) -> Tensor:
    """[segments, heads, length, dim] -> [real tokens of the bucket, heads, dim]."""
    rows = x.transpose(1, 2).flatten(0, 1)
    return rows if bucket.valid is None else rows.index_select(0, bucket.valid)


def _slice(x: Tensor, start: int, stop: int) -> Tensor:
    """[tokens, heads, dim] -> [1, heads, stop - start, dim], no copy."""
    return x[start:stop].transpose(0, 1).unsqueeze(0)


class SegmentAttention(torch.autograd.Function):
    """softmax(scale q kᵀ) v inside segments and towards their prefixes.

    query [tokens, heads, dim]; key, value [tokens, key heads, dim]; returns [tokens, heads, dim].
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, run: Kernel, scale: float) -> Tensor:
        out = query.new_empty(query.shape)
        lse = torch.empty(query.shape[:2], dtype=_accumulator(query.dtype))
        for bucket in run.buckets:
            o, log_sum = _flash(*(_take(x, bucket) for x in (query, key, value)), 0.0, True, scale=scale)
            out[bucket.real] = _put(o, bucket)
            lse[bucket.real] = _put(log_sum.unsqueeze(-1), bucket).squeeze(-1)
        for first, last, start, stop in run.views:
            o, log_sum = _flash(
                _slice(query, first, last), _slice(key, start, stop), _slice(value, start, stop), scale=scale
            )
            _merge(out[first:last], lse[first:last], o[0].transpose(0, 1), log_sum[0].transpose(0, 1))
        ctx.save_for_backward(query, key, value, out, lse)
        ctx.run, ctx.scale = run, scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out, lse = ctx.saved_tensors
        grads = query.new_empty(query.shape), key.new_empty(key.shape), value.new_empty(value.shape)
        for bucket in ctx.run.buckets:
            parts = _bucket_backward(bucket, grad, query, key, value, out, lse, ctx.scale)
            for total, part in zip(grads, parts, strict=True):
                total[bucket.real] = _put(part, bucket)
        for view in ctx.run.views:
            _add_view_backward(grads, view, grad, (query, key, value, out, lse), ctx.scale)
        return *grads, None, None


def _bucket_backward(
    bucket: Bucket,
    grad: Tensor,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    out: Tensor,
    lse: Tensor,
    scale: float,
) -> tuple[Tensor, Tensor, Tensor]:
    grad = _take(grad, bucket)
    if bucket.valid is not None:  # padding repeats a real token, whose gradient must count once
        mask = torch.zeros(bucket.gather.shape[0], 1, 1, dtype=torch.bool)
        mask[bucket.valid] = True
        grad = grad * mask.view(bucket.count, 1, -1, 1)
    q, k, v, o = (_take(x, bucket) for x in (query, key, value, out))
    log_sum = _take(lse.unsqueeze(-1), bucket).squeeze(-1)
    parts: tuple[Tensor, Tensor, Tensor] = _flash_backward(grad, q, k, v, o, log_sum, 0.0, True, scale=scale)
    return parts


def _add_view_backward(
    grads: tuple[Tensor, Tensor, Tensor],
    view: tuple[int, int, int, int],
    grad: Tensor,
    saved: tuple[Tensor, Tensor, Tensor, Tensor, Tensor],
    scale: float,
) -> None:
    first, last, start, stop = view
    query, key, value, out, lse = saved
    parts = _flash_backward(
        _slice(grad, first, last),
        _slice(query, first, last),
        _slice(key, start, stop),
        _slice(value, start, stop),
        _slice(out, first, last),
        lse[first:last].transpose(0, 1).unsqueeze(0),
        0.0,
        False,
        scale=scale,
    )
    for total, part, (a, b) in zip(grads, parts, ((first, last), (start, stop), (start, stop)), strict=True):
        total[a:b] += part[0].transpose(0, 1)


def _merge(out: Tensor, lse: Tensor, other: Tensor, other_lse: Tensor) -> None:
    """Joins two parts of one softmax, in place."""
    whole = torch.logaddexp(lse, other_lse)
    out.mul_((lse - whole).exp_().unsqueeze(-1)).add_(other * (other_lse - whole).exp_().unsqueeze(-1))
    lse.copy_(whole)


def _accumulator(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


def visible(
    segments: Sequence[Segment], length: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Two vectors [length]: each token's segment, and the segment of the prefix it sees (-1 without)."""
    own = torch.full((length,), -1, dtype=torch.long)
    prefix = torch.full((length,), -1, dtype=torch.long)
    number = {(segment.start, segment.stop): index for index, segment in enumerate(segments)}
    for index, segment in enumerate(segments):
        own[segment.start : segment.stop] = index
        if segment.prefix is not None:
            prefix[segment.start : segment.stop] = number[segment.prefix]
    return own.to(device), prefix.to(device)


def block_mask(segments: Sequence[Segment], length: int, device: torch.device) -> Any:
    """The segments as FlexAttention's block mask."""
    from torch.nn.attention.flex_attention import create_block_mask

    own, prefix = visible(segments, length, device)

    def mask(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & ((own[query] == own[key]) | (prefix[query] == own[key]))

    return create_block_mask(mask, None, None, length, length, device=str(device))


def flex(query: Tensor, key: Tensor, value: Tensor, mask: Any, scale: float) -> Tensor:
    """FlexAttention over flattened lines; [tokens, heads, dim] in and out. Compiled on a GPU."""
    from torch.nn.attention.flex_attention import flex_attention

    attend = torch.compile(flex_attention, dynamic=True) if query.is_cuda else flex_attention
    q, k, v = (_slice(x, 0, x.shape[0]) for x in (query, key, value))
    out: Tensor = attend(q, k, v, block_mask=mask, scale=scale, enable_gqa=query.shape[1] != key.shape[1])
    return out[0].transpose(0, 1)


def dense_attention(
    query: Tensor, key: Tensor, value: Tensor, segments: Sequence[Segment], scale: float
) -> Tensor:
    """The reference: SDPA with the whole boolean mask; [tokens, heads, dim] in and out."""
    own, prefix = visible(segments, query.shape[0], query.device)
    mask = ((own[:, None] == own) | (prefix[:, None] == own)).tril()
    q, k, v = (_slice(x, 0, x.shape[0]) for x in (query, key, value))
    out = nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=mask, scale=scale, enable_gqa=query.shape[1] != key.shape[1]
    )
    return out[0].transpose(0, 1)


def segment_attention_forward(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    gamut_kernel: Kernel | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: query [lines, heads, length, dim] -> [lines, length, heads, dim]."""
    if gamut_kernel is None:
        raise UnsuitableModel(
            f"{type(module).__name__} does not pass attention arguments on: train it with batching 'padded'."
        )
    _refuse_variants(module, dropout, query.shape[0] * query.shape[2], kwargs)
    lines, heads, length, dim = query.shape
    scale = dim**-0.5 if scaling is None else scaling
    flat = [x.transpose(1, 2).reshape(lines * length, x.shape[1], x.shape[3]) for x in (query, key, value)]
    if gamut_kernel.block_mask is not None:
        out = flex(flat[0], flat[1], flat[2], gamut_kernel.block_mask, scale)
    else:
        out = SegmentAttention.apply(*flat, gamut_kernel, scale)  # type: ignore[no-untyped-call]
    return out.view(lines, length, heads, -1), None


def _refuse_variants(module: nn.Module, dropout: float, length: int, kwargs: dict[str, Any]) -> None:
    """Attention that is not plain softmax inside the window would silently differ: say so instead."""
    window = kwargs.get("sliding_window")
    odd = [name for name in ("softcap", "s_aux", "position_bias") if kwargs.get(name) is not None]
    if dropout:
        odd.append("attention dropout")
    if window is not None and length > window:
        odd.append(f"a sliding window of {window}")
    if odd:
        raise UnsuitableModel(
            f"{type(module).__name__} uses {', '.join(odd)}, which packed attention does not compute: "
            "train it with batching 'padded'."
        )


AttentionInterface.register(NAME, segment_attention_forward)
