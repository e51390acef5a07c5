"""Attention over packed segments on the CPU, without paying for what is masked.

A packed line is a list of segments (see `batches`). Each is causal in itself; the rows of a shared prefix
also see all of it. A dense mask would cost a full square of the line; here each part is a plain call of the
flash kernel, torch's own `_scaled_dot_product_flash_attention_for_cpu`, the one that SDPA calls:

- *own part*: segments of similar length side by side, causal, the shorter ones padded;
- *prefix part*: all queries that share a prefix against the prefix's keys, with no mask at all; where a
  layer's window is shorter than a row, with one (see `kernels`).

A query's two parts (o₁, ℓ₁), (o₂, ℓ₂), ℓ = log Σ exp(score), are one softmax split in two: ℓ = log(e^ℓ₁ +
e^ℓ₂), o = e^(ℓ₁-ℓ) o₁ + e^(ℓ₂-ℓ) o₂. A head's attention sink is one more part, (0, its score). The kernel's
backward needs only (o, ℓ) of the *whole* softmax, so each part's gradient comes from the same kernel given
the merged pair, and the parts' gradients add up (as in ring attention, Liu et al. 2023, arXiv 2310.01889).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from services.trainer.attention.kernels import Kernel, View

_flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
_flash_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward


def _slice(x: Tensor, start: int, stop: int) -> Tensor:
    """[tokens, heads, …] -> [1, heads, stop - start, …], no copy."""
    return x[start:stop].transpose(0, 1).unsqueeze(0)


class SegmentAttention(torch.autograd.Function):
    """softmax(scale q kᵀ) v inside segments and towards their prefixes; `sinks` [heads] are scores that take
    their share of the softmax and give nothing (Xiao et al. 2023, arXiv 2309.17453).

    query [lines, heads, length, dim], key and value with theirs; returns [lines, length, heads, dim]. The
    three become one tensor [tokens, heads + 2 key heads, dim], so that a step dispatches few operations
    however many segments it has.
    """

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        run: Kernel,
        scale: float,
        sinks: Tensor | None = None,
    ) -> Tensor:
        x = tokens_of(query, key, value)
        sizes = [query.shape[1], key.shape[1], value.shape[1]]
        taken = run.take(x)
        parts = [_flash(*by_heads(part, sizes), 0.0, True, scale=scale) for part in _buckets_of(taken, run)]
        out = _put_together([o for o, _ in parts], run)
        lse = None
        if run.views or sinks is not None:
            lse = _put_together([log_sum for _, log_sum in parts], run)
            for view in run.views:
                _add_view(out, lse, view, x, sizes, scale)
            if sinks is not None:
                _merge(out, lse, None, sinks.to(lse.dtype).expand_as(lse))
            again = (_buckets_of(run.take(whole), run) for whole in (out, lse))
            parts = list(zip(*again, strict=True))
        whole = (None, None) if lse is None else (out, lse)
        ctx.save_for_backward(x, *whole, sinks, *(part for pair in parts for part in pair))
        ctx.run, ctx.scale, ctx.sizes = run, scale, sizes
        return out.view(query.shape[0], query.shape[2], *out.shape[1:])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        run: Kernel = ctx.run
        x, out, lse, sinks, *parts = ctx.saved_tensors
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
        of_sinks = None
        if sinks is not None and ctx.needs_input_grad[5]:
            share = (sinks.to(lse.dtype) - lse).exp_()
            of_sinks = -(share * (grad * out).sum(-1)).sum(0).to(sinks.dtype)
        return *of_inputs, None, None, of_sinks


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


def _add_view(out: Tensor, lse: Tensor, view: View, x: Tensor, sizes: list[int], scale: float) -> None:
    first, last = view.first, view.last
    query, key, value, mask = _seen(view, x, sizes)
    o, log_sum = _flash(query, key, value, attn_mask=mask, scale=scale)
    _merge(out[first:last], lse[first:last], o[0].transpose(0, 1), log_sum[0].transpose(0, 1))


def _seen(view: View, x: Tensor, sizes: list[int]) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """The queries, keys, values and mask of a view."""
    query, _, _ = by_heads(_slice(x, view.first, view.last), sizes)
    _, key, value = by_heads(_slice(x, view.start, view.stop), sizes)
    return query, key, value, None if view.mask is None else view.mask.to(x.dtype)


def _add_view_backward(
    total: Tensor,
    view: View,
    saved: Sequence[Tensor],
    sizes: list[int],
    scale: float,
) -> None:
    first, last, start, stop = view.first, view.last, view.start, view.stop
    grad, x, out, lse = saved
    query, key, value, mask = _seen(view, x, sizes)
    of_queries, *of_prefix = _flash_backward(
        _slice(grad, first, last),
        query,
        key,
        value,
        _slice(out, first, last),
        _slice(lse, first, last),
        0.0,
        False,
        attn_mask=mask,
        scale=scale,
    )
    total[first:last, : sizes[0]] += of_queries[0].transpose(0, 1)
    total[start:stop, sizes[0] :] += torch.cat(of_prefix, 1)[0].transpose(0, 1)


def _merge(out: Tensor, lse: Tensor, other: Tensor | None, other_lse: Tensor) -> None:
    """Joins two parts of one softmax, in place; None is a part without values."""
    whole = torch.logaddexp(lse, other_lse)
    out.mul_((lse - whole).exp_().unsqueeze(-1))
    if other is not None:
        out.add_(other * (other_lse - whole).exp_().unsqueeze(-1))
    lse.copy_(whole)
