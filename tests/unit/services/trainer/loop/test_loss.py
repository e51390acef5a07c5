"""Losses and LoRA gradients of packed and shared rows equal those of separate rows."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import PreTrainedModel

from services.trainer.batching import batches, layouts
from services.trainer.data.examples import Example
from services.trainer.evaluation.losses import evaluate
from services.trainer.loop import loss
from services.trainer.models import loading
from shared.contracts.training.fields import Batching, LossOn
from shared.contracts.training.settings import EvaluationSettings, LoraSettings
from tests.unit.services.trainer import tiny

MAKE = {"llama": tiny.llama, "gpt2": tiny.gpt2}


@st.composite
def groups(draw: st.DrawFn) -> list[Example]:
    """Rows of several contexts, and some without, of random lengths and tokens; some learned in part."""
    ids = st.lists(st.integers(0, 399), min_size=1, max_size=9)
    examples = []
    for group in range(draw(st.integers(1, 3))):
        context = tuple(draw(st.lists(st.integers(0, 399), min_size=1, max_size=20)))
        for _ in range(draw(st.integers(1, 4))):
            row, question, answer = f"r{len(examples)}", draw(ids), draw(ids)
            prompt = context + tuple(question)
            gap = (len(prompt) + 1, len(prompt) + 2)  # a turn of the user's, in a chat
            gaps = (gap,) if len(answer) > 2 and draw(st.booleans()) else ()
            examples.append(Example(row, prompt, tuple(answer), f"g{group}", len(context), gaps))
    for _ in range(draw(st.integers(0, 2))):
        examples.append(Example(f"r{len(examples)}", (), (7, *draw(ids))))
    return examples


def adapted(name: str, dtype: torch.dtype = torch.float64) -> torch.nn.Module:
    base = _silent(MAKE[name]())
    model = loading.add_lora(base, LoraSettings(r=3, target_modules="all-linear"), seed=1).to(dtype)
    torch.manual_seed(2)
    for parameter_name, parameter in model.named_parameters():
        if "lora_B" in parameter_name:  # fresh adapters have B = 0, and no gradient reaches A
            parameter.data.normal_(std=0.1)
    return model.train()


def _silent(model: PreTrainedModel) -> PreTrainedModel:
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def gradients(
    model: torch.nn.Module,
    parts: Sequence[Sequence[Example]],
    batching: Batching,
    loss_on: LossOn,
    whole_logits: int = loss.WHOLE_LOGITS,
) -> tuple[float, dict[str, torch.Tensor]]:
    """Summed loss, and its gradient for every trained parameter."""
    layouts.use_batching(model, batching)
    model.zero_grad()
    total = 0.0
    for part in parts:
        value = loss.summed_loss(model, batches.build(part, batching, loss_on), whole_logits)
        value.backward()
        total += float(value.detach())
    return total, {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def relative_error(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> float:
    """|found - expected| / |expected| of the whole gradient."""
    one, other = (torch.cat([gradient.flatten() for gradient in g.values()]) for g in (found, expected))
    return float((one - other).norm() / other.norm().clamp_min(1e-12))


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@settings(max_examples=12, deadline=None)
@given(examples=groups(), loss_on=st.sampled_from(["completion", "all"]))
def test_sharing_packing_and_padding_are_exact(name: str, examples: list[Example], loss_on: LossOn) -> None:
    model = adapted(name)
    separate = gradients(model, [[example] for example in examples], "padded", loss_on)
    for batching in ("padded", "packed", "shared_prefix"):
        together = gradients(model, [examples], batching, loss_on)
        assert together[0] == pytest.approx(separate[0], rel=1e-7)
        assert relative_error(together[1], separate[1]) < 1e-6  # Llama's norms are fp32 whatever the weights


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_single_precision_keeps_four_digits(name: str) -> None:
    """Relative error of the whole gradient at most 1e-4 in fp32, at a length where sums are long."""
    generator = torch.Generator().manual_seed(0)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(0, 400, (count,), generator=generator).tolist())

    context = ids(300)
    rows = [Example(str(n), context + ids(9), ids(3 + n % 5), "g", 300) for n in range(12)]
    model = adapted(name, torch.float32)
    separate = gradients(model, [[row] for row in rows], "padded", "completion")
    shared = gradients(model, [rows], "shared_prefix", "completion")
    assert shared[0] == pytest.approx(separate[0], rel=1e-5)
    assert relative_error(shared[1], separate[1]) <= 1e-4


@settings(max_examples=10, deadline=None)
@given(examples=groups(), loss_on=st.sampled_from(["completion", "all"]))
def test_every_row_keeps_its_own_loss(examples: list[Example], loss_on: LossOn) -> None:
    model = adapted("llama").eval()
    alone = []
    layouts.use_batching(model, "padded")
    for example in examples:
        nll, tokens = loss.row_losses(model, batches.build([example], "padded", loss_on))
        alone.append((float(nll[0]), int(tokens[0])))
    for batching in ("packed", "shared_prefix"):
        layouts.use_batching(model, batching)
        nll, tokens = loss.row_losses(model, batches.build(examples, batching, loss_on))
        assert nll.tolist() == pytest.approx([value for value, _ in alone], rel=1e-6)
        assert tokens.tolist() == [count for _, count in alone]


def test_the_loss_is_the_model_s_own() -> None:
    """A row's summed loss is the mean that transformers gives for its labels, times its predicted tokens."""
    model = _silent(tiny.llama())
    example = Example("r", (5, 6, 7), (8, 9, 10, 11))
    ids = torch.tensor([example.ids])
    labels = ids.clone()
    labels[0, :3] = -100
    expected = model(input_ids=ids, labels=labels).loss * 4
    layouts.use_batching(model, "packed")
    value = loss.summed_loss(model, batches.build([example], "packed", "completion"))
    torch.testing.assert_close(value, expected)


def test_chunked_logits_change_nothing() -> None:
    model = adapted("llama", torch.float32)
    rows = [Example(str(n), (1, 2, 3), tuple(range(10, 40)), None, 0) for n in range(8)]
    whole = gradients(model, [rows], "packed", "completion")
    chunked = gradients(model, [rows], "packed", "completion", whole_logits=400 * 16)
    assert chunked[0] == pytest.approx(whole[0], rel=1e-6)
    assert relative_error(chunked[1], whole[1]) < 1e-5


def test_chunked_logits_in_bf16_lose_no_digits() -> None:
    """The sum is made in fp32: in bf16 it was more than a percent off."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(3000, 64, generator=generator).bfloat16()
    head = torch.nn.Linear(64, 2000, bias=False).requires_grad_(False).bfloat16()
    targets = torch.randint(0, 2000, (3000,), generator=generator)

    def value_and_gradient(whole_logits: int, precise: bool) -> tuple[float, torch.Tensor]:
        given = hidden.double() if precise else hidden.clone()
        layer = copy.deepcopy(head).double() if precise else head
        given.requires_grad_()
        value = loss._summed(given, layer, targets, whole_logits)
        value.backward()
        assert given.grad is not None
        return float(value.detach()), given.grad.double()

    exact = value_and_gradient(10**9, precise=True)
    for whole_logits in (10**9, 2000 * 100):
        found = value_and_gradient(whole_logits, precise=False)
        assert found[0] == pytest.approx(exact[0], rel=1e-3)
        assert float((found[1] - exact[1]).norm() / exact[1].norm()) < 0.01


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("summed", [False, True])
def test_chunked_logits_are_never_all_there(mixed: bool, summed: bool) -> None:
    """Rows x vocabulary is 12 MB in fp32; also under autocast, where the head stays fp32, and for a bundle,
    which kept them all.
    """
    hidden = torch.randn(600, 16, requires_grad=True)
    head = torch.nn.Linear(16, 5000, bias=False)
    targets = torch.randint(0, 5000, (600,))
    largest = Largest()
    with largest, torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        found = (loss._summed if summed else loss.token_losses)(hidden, head, targets, 5000)
        found.sum().backward()
    assert largest.elements <= 600 * 5000 / 8
    assert hidden.grad is not None
    given, head.weight.grad = hidden.grad.clone(), None
    hidden.grad = None
    with torch.autocast("cpu", torch.bfloat16, enabled=mixed):
        whole = loss.token_losses(hidden, head, targets)
        whole.sum().backward()
    assert float(found.sum()) == pytest.approx(float(whole.sum()), rel=1e-3 if mixed else 1e-6)
    assert float((given - hidden.grad).norm() / hidden.grad.norm()) < (0.02 if mixed else 1e-5)


class Largest(TorchDispatchMode):
    """The elements of the largest tensor that an operation gives."""

    elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, torch.Tensor):
                self.elements = max(self.elements, tensor.numel())
        return found


@settings(max_examples=6, deadline=None)
@given(examples=groups())
def test_an_adapter_s_dropout_is_off_when_rows_are_scored(examples: list[Example]) -> None:
    """With E's dropout too, a shared context gives each row the loss it has alone."""
    base = loading.add_lora(_silent(tiny.llama()), LoraSettings(dropout=0.1), seed=1).double()
    for name, parameter in base.named_parameters():
        if "lora_B" in name:
            parameter.data.fill_(0.05)
    shared = EvaluationSettings(batching="shared_prefix", micro_batch_tokens=64)
    together = evaluate(base.train(), examples, shared)
    alone = [evaluate(base, [one], EvaluationSettings(batching="padded"))[0] for one in examples]
    assert [row.nll for row in together] == pytest.approx([row.nll for row in alone], rel=1e-6)
    assert [row.row for row in together] == [example.row for example in examples]
    assert base.training


def test_the_context_is_computed_once() -> None:
    context = tuple(range(100))
    rows = [Example(str(n), (*context, 1, 2), (3, 4), "g", 100) for n in range(10)]
    assert batches.build(rows, "padded", "completion").computed_tokens == 1040
    assert batches.build(rows, "shared_prefix", "completion").computed_tokens == 100 + 10 * 4


def test_the_head_is_put_back() -> None:
    model = tiny.llama()
    head = model.get_output_embeddings()
    with pytest.raises(RuntimeError), loss.without_head(model):
        raise RuntimeError
    assert model.get_output_embeddings() is head
