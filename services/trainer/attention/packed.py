"""Attention over packed segments, as transformers' models call it: exact, whatever the device.

On the CPU it is `cpu`; on other devices the same segments become a FlexAttention block mask
(FlexAttention has no backward pass on the CPU). `dense_attention` is the plain-mask reference of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface

from services.trainer.attention.cpu import SegmentAttention, by_heads, tokens_of
from services.trainer.attention.kernels import Kernel, cpu_kernel, places, views_of
from services.trainer.batching.batches import Segment, on_device
from services.trainer.errors import NotPackable

NAME = "gamut_segments"
BLOCK = 128
"""Tokens of a block of FlexAttention's mask; its own default."""
HEAD_DIM = 16
"""The least head dimension that FlexAttention's kernels take."""
KERNEL = {"BACKEND": "TRITON"}
"""FlexAttention's kernel for lines of any length. Left to itself torch takes the one made for decoding where
a line is shorter than a block, finds none that fits these masks, and no training on short lines starts."""
KINDS = 1000
"""Kinds of models that a worker compiles attention for; no number that one meets."""


def kernel(
    segments: Sequence[Segment], device: torch.device, length: int, window: int | None = None
) -> Kernel:
    """Kernel of these segments on a line of `length` tokens (all lines of a batch flattened)."""
    if device.type == "cpu":
        return cpu_kernel(segments, length, window)
    return Kernel(tuple(segments), (), [], (), block_mask=block_mask(segments, length, device, window))


def within(run: Kernel, window: int | None, device: torch.device, length: int) -> Kernel:
    """The same segments' kernel for a layer with this sliding window."""
    if window is None or run.longest <= window:
        return run
    if window not in run.windowed:
        run.windowed[window] = kernel(run.segments, device, length, window)
    return run.windowed[window]


def visible(
    segments: Sequence[Segment], length: int, device: torch.device | str = "cpu"
) -> tuple[Tensor, Tensor]:
    """Two vectors [length]: each token's segment, and the segment of the prefix it sees (-1 without)."""
    own, prefix = torch.full((2, length), -1, dtype=torch.int32)
    number = {(segment.start, segment.stop): index for index, segment in enumerate(segments)}
    for index, segment in enumerate(segments):
        own[segment.start : segment.stop] = index
        if segment.prefix is not None:
            prefix[segment.start : segment.stop] = number[segment.prefix]
    return on_device(own, device), on_device(prefix, device)


def block_mask(
    segments: Sequence[Segment], length: int, device: torch.device, window: int | None = None
) -> Any:
    """The segments as FlexAttention's block mask.

    Built from the segments' borders: `create_block_mask` would first make the whole mask, length² values,
    which for the lines of a bundle is more than a GPU's memory. Its tables are made on the CPU and sent: on
    the GPU they would be some sixty small kernels, and it would be waited for.
    """
    from torch.nn.attention.flex_attention import BlockMask

    own, prefix = visible(segments, length, device)
    touched, whole = block_table(segments, length)

    def mask(_batch: Tensor, _head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & ((own[query] == own[key]) | (prefix[query] == own[key]))

    chosen: Any = mask
    if window is not None:
        reach, place = window, places(segments, length)
        touched, whole = windowed_table(touched, whole, place, reach)
        place = on_device(place, device)

        def within_reach(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
            return mask(batch, head, query, key) & (place[query] - place[key] < reach)

        chosen = within_reach

    tables: dict[str, Any] = {}
    for name, table in (("", touched & ~whole), ("full_", whole)):
        for side, its in (("kv", table), ("q", table.T.contiguous())):
            tables |= {f"{name}{side}_{of}": on_device(each, device) for of, each in _ordered(its).items()}
    return BlockMask((length, length), **tables, BLOCK_SIZE=(BLOCK, BLOCK), mask_mod=chosen)


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


def windowed_table(touched: Tensor, whole: Tensor, place: Tensor, window: int) -> tuple[Tensor, Tensor]:
    """The tables of a layer with a window: without the blocks whose tokens are all too far apart, and masked
    where some are.
    """
    count = touched.shape[0]
    padding = count * BLOCK - place.shape[0]
    blocks = torch.cat([place, place[-1:].expand(padding)]).view(count, BLOCK)
    least, most = blocks.amin(1), blocks.amax(1)
    some = least[:, None] - most < window
    every = most[:, None] - least < window
    return touched & some, whole & every


def _seen(segments: Sequence[Segment]) -> Iterator[tuple[int, int, int, int]]:
    """(first query, last + 1, first key, last + 1): queries, and the keys they see where they are earlier."""
    for segment in segments:
        yield segment.start, segment.stop, segment.start, segment.stop
    for view in views_of(segments):
        # Rows that follow their prefix and the prefix itself are one block of queries.
        first = view.start if view.first == view.stop else view.first
        yield first, view.last, view.start, view.stop


def _ordered(table: Tensor) -> dict[str, Tensor]:
    """Each row's number of blocks [1, 1, n], and their indices, these first [1, 1, n, n]."""
    counts = table.sum(1, dtype=torch.int32)
    indices = table.to(torch.int8).argsort(dim=1, descending=True, stable=True).to(torch.int32)
    return {"num_blocks": counts[None, None], "indices": indices[None, None]}


@lru_cache
def compiled(backend: str = "inductor") -> Any:
    """FlexAttention, compiled once for each kind of model (heads, their sizes, scale, precision) and lines of
    any length. torch's own limit of eight kinds would send a worker's ninth model back to the uncompiled
    one, which makes the whole mask and all scores.
    """
    from torch.nn.attention.flex_attention import flex_attention

    asked: dict[str, Any] = {"dynamic": True, "fullgraph": True, "backend": backend}
    if "recompile_limit" in signature(torch.compile).parameters:
        asked["recompile_limit"] = KINDS
    else:  # torch before 2.12 has one limit for all that is compiled
        torch._dynamo.config.recompile_limit = KINDS
        torch._dynamo.config.accumulated_recompile_limit = KINDS
    compile: Any = torch.compile  # its overloads leave the limit out
    return compile(flex_attention, **asked)


def flex(
    query: Tensor, key: Tensor, value: Tensor, mask: Any, scale: float, sinks: Tensor | None = None
) -> Tensor:
    """FlexAttention over flattened lines; [tokens, heads, dim] in and out. Compiled on a GPU."""
    from torch.nn.attention.flex_attention import AuxRequest, flex_attention

    attend = compiled() if query.is_cuda else flex_attention
    dim = value.shape[-1]
    q, k, v = (_wide_enough(x.transpose(0, 1).unsqueeze(0)) for x in (query, key, value))
    asked = {
        "block_mask": mask,
        "scale": scale,
        "enable_gqa": query.shape[1] != key.shape[1],
        "kernel_options": KERNEL,
    }
    if sinks is None:
        out = attend(q, k, v, **asked)
    else:
        out, aux = attend(q, k, v, **asked, return_aux=AuxRequest(lse=True))
        out = out * torch.sigmoid(aux.lse - sinks[:, None]).unsqueeze(-1).to(out.dtype)
    given: Tensor = out[0, ..., :dim].transpose(0, 1)
    return given


def _wide_enough(x: Tensor) -> Tensor:
    """With zeros up to `HEAD_DIM`: they add nothing."""
    return x if x.shape[-1] >= HEAD_DIM else nn.functional.pad(x, (0, HEAD_DIM - x.shape[-1]))


def dense_mask(segments: Sequence[Segment], length: int, window: int | None = None) -> Tensor:
    """Which query sees which key, [length, length]: what the kernels do without."""
    own, prefix = visible(segments, length)
    mask = ((own[:, None] == own) | (prefix[:, None] == own)).tril()
    if window is not None:
        place = places(segments, length)
        mask &= place[:, None] - place < window
    return mask


def dense_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    segments: Sequence[Segment],
    scale: float,
    window: int | None = None,
) -> Tensor:
    """The reference: SDPA with the whole boolean mask; [tokens, heads, dim] in and out."""
    mask = dense_mask(segments, query.shape[0], window).to(query.device)
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
    query, key, value = as_autocast(query, key, value)
    lines, heads, length, dim = query.shape
    scale = dim**-0.5 if scaling is None else scaling
    run = within(gamut_kernel, kwargs.get("sliding_window"), query.device, lines * length)
    sinks = kwargs.get("s_aux")
    if run.block_mask is None:
        attend: Any = SegmentAttention.apply
        return attend(query, key, value, run, scale, sinks), None
    sizes = [heads, key.shape[1], key.shape[1]]
    q, k, v = by_heads(tokens_of(query, key, value), sizes)
    return flex(q, k, v, run.block_mask, scale, sinks).view(lines, length, heads, -1), None


def as_autocast(*tensors: Tensor) -> Sequence[Tensor]:
    """In the dtype that autocast computes products in, for what it does not know: these kernels (it leaves
    rotated queries and keys in fp32 beside values in bf16), and the chunked loss.
    """
    device = tensors[0].device.type
    if not torch.is_autocast_enabled(device):
        return tensors
    return [x.to(torch.get_autocast_dtype(device)) for x in tensors]


def _refuse_variants(module: Any, dropout: float, run: Kernel, kwargs: dict[str, Any]) -> None:
    """Attention that is not plain softmax would silently differ: say so instead."""
    odd = [name for name in ("softcap", "position_bias") if kwargs.get(name) is not None]
    # Not every model that has a window tells it; its config does.
    told = "sliding_window" in kwargs
    window = None if told else getattr(getattr(module, "config", None), "sliding_window", None)
    if dropout:
        odd.append("attention dropout")
    if window and run.longest > window:
        odd.append(f"a sliding window of {window} on rows of up to {run.longest} tokens")
    if odd:
        raise NotPackable(type(module).__name__, f"uses {', '.join(odd)}")


# Where a layer is compiled around it (`loop.compiling`) it stays as it is: FlexAttention is compiled alone.
uncompiled: Any = torch.compiler.disable
AttentionInterface.register(NAME, uncompiled(segment_attention_forward))
