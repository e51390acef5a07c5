"""Compiled decoder layers: the same numbers, compiled once for all layers and rows of any length."""

from __future__ import annotations

import pytest
import torch
from torch._dynamo.utils import counters

from services.trainer.batching import layouts
from services.trainer.batching.batches import build
from services.trainer.data.examples import Example
from services.trainer.loop.compiling import compiled_layers
from services.trainer.loop.loss import summed_loss
from services.trainer.models import loading
from shared.contracts.training.settings import LoraSettings
from tests.unit.services.trainer import tiny


def rows(length: int) -> list[Example]:
    context = tuple(range(1, length))
    return [Example(str(n), (*context, n, n + 1), (5, 6 + n), "context", length - 1) for n in range(4)]


def test_compiled_layers_give_the_same_gradients_for_rows_of_any_length() -> None:
    """By the compiler that traces and does not generate: what it is given is what a GPU compiles."""
    torch.compiler.reset()
    counters.clear()
    model = loading.add_lora(tiny.llama(), LoraSettings(target_modules="all-linear"), seed=1).train()

    def gradient(length: int) -> torch.Tensor:
        model.zero_grad()
        summed_loss(model, build(rows(length), "shared_prefix", "completion")).backward()
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    with layouts.laid_out(model, "shared_prefix"):
        expected = {length: gradient(length) for length in (20, 33, 47)}
        with compiled_layers(model, backend="aot_eager"):
            found = {20: gradient(20)}
            graphs = counters["stats"]["unique_graphs"]
            found |= {length: gradient(length) for length in (33, 47)}
        assert graphs > 0
        assert counters["stats"]["unique_graphs"] == graphs
        for length, value in expected.items():
            torch.testing.assert_close(found[length], value, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(gradient(20), expected[20])


@pytest.mark.parametrize("fails", [False, True])
def test_the_layers_are_as_they_were_afterwards(fails: bool) -> None:
    model = tiny.llama()
    try:
        with compiled_layers(model, backend="aot_eager"):
            assert any(one._compiled_call_impl is not None for one in model.modules())
            if fails:
                raise KeyError
    except KeyError:
        assert fails
    assert all(one._compiled_call_impl is None for one in model.modules())
