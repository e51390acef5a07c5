"""Packed attention equals the dense mask, in values and gradients, for any mixture of segments."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch._dynamo.utils import counters
from torch.nn.attention.flex_attention import flex_attention

from services.trainer.attention import packed
from services.trainer.attention.cpu import SegmentAttention
from services.trainer.attention.kernels import Kernel, places
from services.trainer.batching.batches import Segment
from services.trainer.errors import UnsuitableModel

SCALE = 0.3


@st.composite
def lines(draw: st.DrawFn) -> list[Segment]:
    """Rows and shared prefixes of random lengths, one after the other."""
    segments: list[Segment] = []
    position = 0

    def put(length: int, prefix: tuple[int, int] | None = None) -> tuple[int, int]:
        nonlocal position
        segments.append(Segment(position, position + length, prefix))
        position += length
        return segments[-1].start, segments[-1].stop

    for _ in range(draw(st.integers(1, 4))):
        first = put(draw(st.integers(1, 12)))
        for _ in range(draw(st.integers(0, 4))):
            put(draw(st.integers(1, 6)), first)
    return segments


def tensors(segments: list[Segment], heads: int, key_heads: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(len(segments))
    length = segments[-1].stop
    shapes = ((length, heads, 8), (length, key_heads, 8), (length, key_heads, 8))
    return [torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes]


def attend(tensors: list[torch.Tensor], run: Kernel, sinks: torch.Tensor | None = None) -> torch.Tensor:
    """Ours, of [tokens, heads, dim] as the reference takes them."""
    query, key, value = (x.transpose(0, 1).unsqueeze(0) for x in tensors)
    return SegmentAttention.apply(query, key, value, run, SCALE, sinks)[0]


@settings(max_examples=100, deadline=None)
@given(segments=lines(), grouped=st.booleans(), window=st.none() | st.integers(1, 12))
def test_it_equals_the_dense_mask(segments: list[Segment], grouped: bool, window: int | None) -> None:
    ours = tensors(segments, 4, 2 if grouped else 4)
    theirs = [x.detach().clone().requires_grad_() for x in ours]
    run = packed.kernel(segments, torch.device("cpu"), segments[-1].stop, window)
    out = attend(ours, run)
    expected = packed.dense_attention(*theirs, segments, SCALE, window)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-11)
    weights = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).view_as(out)
    (out * weights).sum().backward()
    (expected * weights).sum().backward()
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-8, atol=1e-10)


@settings(max_examples=20, deadline=None)
@given(segments=lines(), window=st.none() | st.integers(1, 12))
def test_the_block_mask_of_gpus_says_the_same(segments: list[Segment], window: int | None) -> None:
    query, key, value = (x.detach().float() for x in tensors(segments, 4, 2))
    mask = packed.block_mask(segments, segments[-1].stop, torch.device("cpu"), window)
    out = packed.flex(query, key, value, mask, SCALE)
    expected = packed.dense_attention(query, key, value, segments, SCALE, window)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("window", [None, 3])
def test_sinks_take_their_share_on_every_device(window: int | None) -> None:
    """As transformers has them: one more score of every query, whose probability is dropped."""
    segments = [Segment(0, 6), Segment(6, 9, (0, 6)), Segment(9, 10, (0, 6)), Segment(10, 15)]
    ours = tensors(segments, 4, 4)
    sinks = torch.linspace(-1, 2, 4, dtype=torch.float64).requires_grad_()
    out = attend(ours, packed.kernel(segments, torch.device("cpu"), 15, window), sinks)
    weights = torch.linspace(-1, 1, out.numel(), dtype=torch.float64).view_as(out)
    (out * weights).sum().backward()

    theirs = [x.detach().clone().requires_grad_() for x in ours]
    query, key, value = (x.transpose(0, 1) for x in theirs)
    same = sinks.detach().clone().requires_grad_()
    seen = packed.dense_mask(segments, 15, window)
    scores = (query @ key.transpose(1, 2) * SCALE).masked_fill(~seen, -torch.inf)
    with_sinks = torch.cat([scores, same[:, None, None].expand(-1, 15, 1)], 2).softmax(2)
    expected = (with_sinks[..., :-1] @ value).transpose(0, 1)
    (expected * weights).sum().backward()
    torch.testing.assert_close(out, expected)
    for one, other in zip([*ours, sinks], [*theirs, same], strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-8, atol=1e-10)

    mask = packed.block_mask(segments, 15, torch.device("cpu"), window)
    on_gpus = packed.flex(*(x.detach().float() for x in ours), mask, SCALE, sinks.detach().float())
    torch.testing.assert_close(on_gpus, expected.float(), rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(segments=lines(), by=st.integers(10, 60), window=st.none() | st.integers(50, 600))
def test_the_block_mask_is_made_without_the_whole_mask(
    segments: list[Segment], by: int, window: int | None
) -> None:
    """Its blocks hold every visible pair, and those it calls whole hold no other."""
    longer = [stretched(segment, by) for segment in segments]
    length = longer[-1].stop
    seen = packed.dense_mask(longer, length, window)
    count = -(-length // packed.BLOCK)
    filled = torch.zeros(2, count * packed.BLOCK, count * packed.BLOCK, dtype=torch.bool)
    filled[:, :length, :length] = seen
    blocks = filled[0].unflatten(1, (count, -1)).unflatten(0, (count, -1)).transpose(1, 2).flatten(2)
    touched, whole = packed.block_table(longer, length)
    if window is not None:
        touched, whole = packed.windowed_table(touched, whole, places(longer, length), window)
    assert bool((touched | ~blocks.any(-1)).all())
    assert bool((~whole | blocks.all(-1)).all())
    if window is None:
        assert int(touched.sum()) <= int(blocks.any(-1).sum()) + count  # a border's block may hold nothing


def stretched(segment: Segment, by: int) -> Segment:
    prefix = None if segment.prefix is None else (segment.prefix[0] * by, segment.prefix[1] * by)
    return Segment(segment.start * by, segment.stop * by, prefix)


def test_long_prefixes_are_whole_blocks() -> None:
    """What W's question answering is made of costs no mask arithmetic on a GPU."""
    rows = [Segment(1024 + 64 * n, 1088 + 64 * n, (0, 1024)) for n in range(30)]
    _, whole = packed.block_table([Segment(0, 1024), *rows], 1024 + 64 * 30)
    assert bool(whole[8:, :8].all())
    assert not bool(whole[8:, 8:].any())


def test_a_long_line_on_a_gpu_equals_the_dense_mask() -> None:
    """Several blocks, whole ones among them, through FlexAttention itself."""
    segments = [Segment(0, 300), Segment(300, 420, (0, 300)), Segment(420, 451, (0, 300)), Segment(451, 600)]
    query, key, value = (x.detach().float() for x in tensors(segments, 2, 2))
    mask = packed.block_mask(segments, 600, torch.device("cpu"))
    out = packed.flex(query, key, value, mask, SCALE)
    expected = packed.dense_attention(query, key, value, segments, SCALE)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)


def test_it_is_compiled_once_for_lines_of_any_length() -> None:
    """A second time at most, where a line is a single block. The GPU's own way, but for its kernels."""
    torch.compiler.reset()
    counters.clear()
    attend = torch.compile(flex_attention, dynamic=True, backend="aot_eager")
    for prefix, rows, length in ((50, 3, 20), (300, 5, 40), (128, 20, 64), (5, 2, 10), (700, 2, 33)):
        bounds = [prefix + n * length for n in range(rows + 1)]
        segments = [Segment(0, prefix), *(Segment(a, b, (0, prefix)) for a, b in pairwise(bounds))]
        query, key, value = (x.detach().float() for x in tensors(segments, 4, 2))
        mask = packed.block_mask(segments, bounds[-1], torch.device("cpu"))
        q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (query, key, value))
        with torch.no_grad():
            out = attend(q, k, v, block_mask=mask, scale=SCALE, enable_gqa=True)[0].transpose(0, 1)
        expected = packed.dense_attention(query, key, value, segments, SCALE)
        torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    assert counters["stats"]["unique_graphs"] <= 2


def test_only_what_is_visible_counts() -> None:
    """A change in one row leaves every other row as it was; a change in a prefix reaches its rows alone."""
    segments = [Segment(0, 3), Segment(3, 5, (0, 3)), Segment(5, 7, (0, 3)), Segment(7, 9)]
    run = packed.kernel(segments, torch.device("cpu"), 9)
    values = [x.detach() for x in tensors(segments, 2, 2)]
    before = attend(values, run)

    def changed_by(place: int) -> list[int]:
        moved = [x.clone() for x in values]
        for x in moved:
            x[place] += 1
        after = attend(moved, run)
        return (after - before).abs().amax((1, 2)).gt(1e-12).nonzero().flatten().tolist()

    assert changed_by(1) == [1, 2, 3, 4, 5, 6]
    assert changed_by(3) == [3, 4]
    assert changed_by(8) == [8]


@pytest.mark.parametrize("odd", [{"dropout": 0.1}, {"softcap": 30.0}, {"position_bias": 1.0}])
def test_attention_it_does_not_compute_is_refused(odd: dict[str, float]) -> None:
    segments = [Segment(0, 6)]
    x = torch.zeros(1, 2, 6, 4)
    run = packed.kernel(segments, torch.device("cpu"), 6)
    with pytest.raises(UnsuitableModel, match="padded"):
        packed.segment_attention_forward(torch.nn.Identity(), x, x, x, None, gamut_kernel=run, **odd)
