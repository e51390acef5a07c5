"""Attention over packed segments, as transformers' models call it: exact, whatever the device.

On the CPU it is `segment_attention`; on other devices the same segments become a FlexAttention block mask
(FlexAttention has no backward pass on the CPU). `dense_attention` is the plain-mask reference of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from services.trainer.batches import Segment
from services.trainer.errors import NotPackable
from services.trainer.segment_attention import (
    Kernel,
    SegmentAttention,
    by_heads,
    cpu_kernel,
    tokens_of,
    views_of,
)

NAME = "gamut_segments"
BLOCK = 128
"""Tokens of a block of FlexAttention's mask; its own default."""
HEAD_DIM = 16
KINDS = 1000


def kernel(segments: Sequence[Segment], device: torch.device, length: int) -> Kernel:
    """Kernel of these segments on a line of `length` tokens (all lines of a batch flattened)."""
    if device.type == "cpu":
        return cpu_kernel(segments, length)
    return Kernel(tuple(segments), (), [], (), block_mask=block_mask(segments, length, device))


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
    """The segments as FlexAttention's block mask.

    Built from the segments' borders: `create_block_mask` would first make the whole mask, length² values,
    which for the lines of a bundle is more than a GPU's memory.
    """
    from torch.nn.attention.flex_attention import BlockMask

    own, prefix = visible(segments, length, device)

    def mask(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & ((own[query] == own[key]) | (prefix[query] == own[key]))

    touched, whole = block_table(segments, length)
    partial, full = _ordered(touched & ~whole, device), _ordered(whole, device)
    return BlockMask.from_kv_blocks(
        *partial, *full, BLOCK_SIZE=BLOCK, mask_mod=mask, seq_lengths=(length, length)
    )


def block_table(segments: Sequence[Segment], length: int) -> tuple[Tensor, Tensor]:
    """Two boolean tables [query blocks, key blocks], blocks of `BLOCK` tokens: those in which some query may
    see some key, and those in which every query sees every key.
    """
    count = -(-length // BLOCK)
    touched = torch.zeros(count, count, dtype=torch.bool)
    whole = torch.zeros(count, count, dtype=torch.bool)
    for start, stop, first, last in _seen(segments):
        touched[start // BLOCK : -(-stop // BLOCK), first // BLOCK : -(-last // BLOCK)] = True
        whole[-(-start // BLOCK) : stop // BLOCK, -(-first // BLOCK) : last // BLOCK] = True
    return touched.tril(), whole.tril(-1)


def _seen(segments: Sequence[Segment]) -> Iterator[tuple[int, int, int, int]]:
    """(first query, last + 1, first key, last + 1): queries, and the keys they see where they are earlier."""
    for segment in segments:
        yield segment.start, segment.stop, segment.start, segment.stop
    for first, last, start, stop in views_of(segments):
        # Rows that follow their prefix and the prefix itself are one block of queries.
        yield (start if first == stop else first), last, start, stop


def _ordered(table: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Each query block's number of key blocks [1, 1, n], and their indices, these first [1, 1, n, n]."""
    counts = table.sum(1, dtype=torch.int32)
    indices = table.to(torch.int8).argsort(dim=1, descending=True, stable=True).to(torch.int32)
    return counts[None, None].to(device), indices[None, None].to(device)


@lru_cache
def compiled(backend: str = "inductor") -> Any:
    """FlexAttention, compiled once for each kind of model (heads, their sizes, scale, precision) and lines of
    any length. torch's own limit of eight kinds would send a worker's ninth model back to the uncompiled
    one, which makes the whole mask and all scores.
    """
    from torch.nn.attention.flex_attention import flex_attention

    compile: Any = torch.compile  # its overloads leave the limit out
    return compile(flex_attention, dynamic=True, fullgraph=True, backend=backend, recompile_limit=KINDS)


def flex(query: Tensor, key: Tensor, value: Tensor, mask: Any, scale: float) -> Tensor:
    """FlexAttention over flattened lines; [tokens, heads, dim] in and out. Compiled on a GPU."""
    from torch.nn.attention.flex_attention import flex_attention

    attend = compiled() if query.is_cuda else flex_attention
    dim = value.shape[-1]
    q, k, v = (_wide_enough(x.transpose(0, 1).unsqueeze(0)) for x in (query, key, value))
    out: Tensor = attend(q, k, v, block_mask=mask, scale=scale, enable_gqa=query.shape[1] != key.shape[1])
    return out[0, ..., :dim].transpose(0, 1)


def _wide_enough(x: Tensor) -> Tensor:
    """With zeros up to the least head dimension that FlexAttention's kernels take: they add nothing."""
    return x if x.shape[-1] >= HEAD_DIM else nn.functional.pad(x, (0, HEAD_DIM - x.shape[-1]))


def dense_attention(
    query: Tensor, key: Tensor, value: Tensor, segments: Sequence[Segment], scale: float
) -> Tensor:
    """The reference: SDPA with the whole boolean mask; [tokens, heads, dim] in and out."""
    own, prefix = visible(segments, query.shape[0], query.device)
    mask = ((own[:, None] == own) | (prefix[:, None] == own)).tril()
    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (query, key, value))
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
        raise NotPackable(type(module).__name__, "does not pass attention arguments on")
    _refuse_variants(module, dropout, gamut_kernel, kwargs)
    query, key, value = _as_autocast(query, key, value)
    lines, heads, length, dim = query.shape
    scale = dim**-0.5 if scaling is None else scaling
    if gamut_kernel.block_mask is None:
        attend: Any = SegmentAttention.apply
        return attend(query, key, value, gamut_kernel, scale), None
    sizes = [heads, key.shape[1], key.shape[1]]
    q, k, v = by_heads(tokens_of(query, key, value), sizes)
    return flex(q, k, v, gamut_kernel.block_mask, scale).view(lines, length, heads, -1), None


def _as_autocast(*tensors: Tensor) -> Sequence[Tensor]:
    """In the dtype that autocast, which does not know these kernels, computes attention in: it leaves rotated
    queries and keys in fp32 beside values in bf16.
    """
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    return [x.to(torch.get_autocast_dtype(device)) for x in tensors]


def _refuse_variants(module: Any, dropout: float, run: Kernel, kwargs: dict[str, Any]) -> None:
    """Attention that is not plain softmax inside the window would silently differ: say so instead."""
    # Not every model that has a window tells it; its config does.
    window = kwargs.get("sliding_window", getattr(getattr(module, "config", None), "sliding_window", None))
    odd = [name for name in ("softcap", "s_aux", "position_bias") if kwargs.get(name) is not None]
    if dropout:
        odd.append("attention dropout")
    if window and run.longest > window:
        odd.append(f"a sliding window of {window} on rows of up to {run.longest} tokens")
    if odd:
        raise NotPackable(type(module).__name__, f"uses {', '.join(odd)}")


AttentionInterface.register(NAME, segment_attention_forward)
