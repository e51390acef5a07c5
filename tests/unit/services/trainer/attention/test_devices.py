"""What only shows away from the CPU, as far as a machine without a GPU can tell (the rest: `tests/gpu`).

torch's meta device holds no data and takes no tensor of another device beside its own: a pass that runs there
leaves nothing on the CPU, and waits for its device nowhere.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters
from torch.nn.attention.flex_attention import flex_attention

from services.trainer.attention import packed
from services.trainer.attention.cpu import SegmentAttention
from services.trainer.attention.kernels import Kernel
from services.trainer.batching import batches, layouts
from services.trainer.batching.batches import Segment
from services.trainer.bundles import bundle, stacking
from services.trainer.data.examples import Example
from services.trainer.errors import NotCompiled
from services.trainer.loop import loss
from services.trainer.models import loading
from shared.contracts.training.fields import Batching, LossOn
from shared.contracts.training.settings import LoraSettings
from tests.unit.services.trainer import tiny

LORA = LoraSettings(target_modules="all-linear")
ROWS = [
    Example(f"{context}:{pair}", (context, *range(20 + pair)), (3, 4), str(context), 20)
    for context in (1, 2)
    for pair in range(4)
]


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> torch.device:
    """The meta device, with what it lacks: FlexAttention, and autocast."""

    def flex(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, scale: float, *_: Any
    ) -> Any:
        assert mask.kv_indices.device.type == "meta"
        return packed.dense_attention(query, key, value, [Segment(0, query.shape[0])], scale)

    monkeypatch.setattr(packed, "flex", flex)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda _device: False)
    return torch.device("meta")


@pytest.mark.parametrize("loss_on", ["completion", "all"])
@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2])
def test_a_pass_waits_for_its_device_nowhere(make: Any, loss_on: LossOn, away: torch.device) -> None:
    model = loading.add_lora(make(), LORA, seed=1).to(away)
    shared: Batching = "shared_prefix" if loss_on == "completion" else "packed"
    layouts.use_batching(model, shared)
    loss.summed_loss(model, batches.build(ROWS, shared, loss_on).to(away)).backward()
    assert {p.grad.device.type for p in model.parameters() if p.requires_grad} == {"meta"}


def test_a_bundle_s_pass_waits_for_its_device_nowhere(away: torch.device) -> None:
    base = tiny.llama()
    adapters = [stacking.fresh_adapter(base, LORA, seed) for seed in range(3)]
    layouts.use_batching(base, "shared_prefix")
    stack = stacking.Stack(base.to(away), adapters, LORA)
    batch, line_of, _ = batches.build_lines([ROWS[:4], ROWS[2:], ROWS[5:]], "shared_prefix", "completion")
    bundle.line_losses(stack.base, batch.to(away), line_of.to(away), 3).sum().backward()
    norms = bundle.clip(stack.grad, 1.0)
    assert norms.shape == (3,)
    assert norms.device == away


def test_a_worker_s_tenth_kind_of_model_is_compiled_too() -> None:
    """torch gives up after eight, and takes the attention that makes all scores."""
    torch.compiler.reset()
    counters.clear()
    segments = [Segment(0, 150), Segment(150, 170, (0, 150)), Segment(170, 200, (0, 150))]
    mask = packed.block_mask(segments, 200, torch.device("cpu"))
    for heads in range(3, 13):
        query, key, value = torch.randn(3, 200, heads, 8 + heads)
        q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (query, key, value))
        with torch.no_grad():
            out = packed.compiled("aot_eager")(q, k, v, block_mask=mask, scale=heads / 10)
        expected = packed.dense_attention(query, key, value, segments, heads / 10)
        torch.testing.assert_close(out[0].transpose(0, 1), expected, rtol=1e-4, atol=1e-5)
    assert counters["stats"]["unique_graphs"] == 10


def test_a_machine_that_cannot_compile_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_compiler(graph: Any, inputs: Any) -> Any:
        raise RuntimeError("Failed to find C compiler.")

    def kernel(segments: Any, device: torch.device, length: int) -> Kernel:
        return Kernel(tuple(segments), (), [], (), block_mask=packed.block_mask(segments, length, device))

    def flex(
        query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: Any, scale: float, *_: Any
    ) -> Any:
        q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (query, key, value))
        return torch.compile(flex_attention, backend=without_compiler)(q, k, v, block_mask=mask)

    torch.compiler.reset()
    monkeypatch.setattr(packed, "kernel", kernel)
    monkeypatch.setattr(packed, "flex", flex)
    with pytest.raises(NotCompiled, match=r"Failed to find C compiler.*gcc.*'padded'"):
        layouts.laid_out(tiny.gpt2(), "packed").__enter__()


def test_attention_is_computed_as_autocast_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its queries and keys come rotated, in fp32; the values in bf16."""
    seen: set[torch.dtype] = set()
    real = SegmentAttention.apply

    class Seen:
        @staticmethod
        def apply(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *rest: Any) -> Any:
            seen.update((query.dtype, key.dtype, value.dtype))
            return real(query, key, value, *rest)

    model = tiny.llama()
    with layouts.laid_out(model, "packed"), torch.autocast("cpu", torch.bfloat16):
        monkeypatch.setattr(packed, "SegmentAttention", Seen)
        loss.summed_loss(model, batches.build(ROWS, "packed", "completion")).backward()
    assert seen == {torch.bfloat16}
