"""Rows with weights in the loss, against a plain loop over the rows, one at a time, in torch alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from peft import get_peft_model_state_dict

from services.trainer.batching import batches
from services.trainer.batching.steps import OptimiserStep, plan_steps
from services.trainer.bundles import bundle, members, stacking
from services.trainer.data.examples import Example
from services.trainer.data.rendering import render
from services.trainer.errors import BadRow
from services.trainer.loop import training
from services.trainer.loop.loss import summed_loss
from services.trainer.models import loading
from shared.contracts.training.settings import RenderingSettings, TrainingSettings
from tests.unit.services.trainer import tiny

WEIGHTS = (1.0, 0.25, 3.0, 0.7, 1e-3, 12.5)
LAYOUTS = ("padded", "packed", "shared_prefix")


def settings(**changes: Any) -> TrainingSettings:
    wanted = {
        "learning_rate": 5e-3,
        "rows_per_step": 5,
        "epochs": 2,
        "lora": {"target_modules": "all-linear"},
    }
    return TrainingSettings.model_validate({**wanted, "epochs": 2, "loss_weights": "weight", **changes})


def weighted(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**row, "weight": WEIGHTS[place % len(WEIGHTS)]} for place, row in enumerate(rows)]


def examples(offset: int = 0) -> tuple[Example, ...]:
    """Questions on three contexts, of many weights."""
    rows, contexts = tiny.questions(3, 4)
    found = weighted(rows[offset:])
    return render(
        found, tiny.tokenizer(), RenderingSettings(), context_length=512, contexts=contexts, weights="weight"
    ).examples


def reference(
    rows: Sequence[Example], steps: Sequence[OptimiserStep], asked: TrainingSettings, seed: int
) -> tuple[list[float], dict[str, torch.Tensor]]:
    """Each row alone through the model and torch's cross-entropy; torch's AdamW; a linear schedule."""
    model = loading.add_lora(tiny.llama(), asked.lora, seed=seed)
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=asked.learning_rate, weight_decay=asked.weight_decay)
    losses = []
    for number, step in enumerate(steps):
        optimizer.param_groups[0]["lr"] = asked.learning_rate * (1 - number / len(steps))
        total, whole = torch.zeros(()), 0.0
        for index in step.rows:
            row = rows[index]
            first = 1 if asked.loss_on == "all" else max(1, len(row.prompt))
            logits = model(input_ids=torch.tensor([row.ids])).logits[0, first - 1 : -1]
            targets = torch.tensor(row.ids[first:])
            total = total + row.weight * torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
            whole += row.weight * len(targets)
        loss = total / whole
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, asked.max_grad_norm)
        optimizer.step()
        losses.append(float(loss))
    return losses, get_peft_model_state_dict(model)


def assert_same(found: Any, expected: dict[str, torch.Tensor]) -> None:
    for name, tensor in expected.items():
        # Adam divides a gradient by its own size: where it is rounding only, a step goes either way.
        torch.testing.assert_close(found[name], tensor, rtol=1e-3, atol=5e-4)


@pytest.mark.parametrize("batching", LAYOUTS)
@pytest.mark.parametrize("changes", [{}, {"loss_on": "all"}, {"micro_batch_tokens": 150}])
def test_a_training_is_the_plain_loop(batching: str, changes: dict[str, Any]) -> None:
    """Every step's loss to 1e-6 while the weights are still equal, then as close as AdamW keeps them; with
    `micro_batch_tokens` 150 a step is accumulated over several passes."""
    rows, asked = examples(), settings(batching=batching, **changes)
    steps = plan_steps(rows, settings(batching="shared_prefix", **changes), seed=3)
    if changes.get("micro_batch_tokens"):
        assert max(len(step.micro_batches) for step in steps) > 1
    losses, weights = reference(rows, steps, asked, seed=7)
    model = loading.add_lora(tiny.llama(), asked.lora, seed=7)
    trained = training.train(model, rows, asked, steps=steps)
    ours = [point.loss for point in trained.curve]
    assert ours[0] == pytest.approx(losses[0], rel=1e-6)
    assert ours == pytest.approx(losses, rel=1e-5)
    assert_same(get_peft_model_state_dict(model), weights)
    alike = [replace(row, weight=1.0) for row in rows]
    other, _ = reference(alike, steps, asked, seed=7)
    assert abs(other[0] - losses[0]) > 1e-3  # the weights say something


def test_the_members_of_a_bundle_are_plain_loops_each() -> None:
    """One with weights, one without, in shared passes."""
    asked = settings(batching="shared_prefix")
    sets = [examples(), tuple(replace(row, weight=1.0) for row in examples(4))]
    base = tiny.llama()
    together = [
        members.member(f"m{n}", rows, stacking.fresh_adapter(base, asked.lora, seed=n), asked, seed=n)
        for n, rows in enumerate(sets)
    ]
    for n, (one, result) in enumerate(zip(together, bundle.train_bundle(base, together, asked), strict=True)):
        losses, weights = reference(sets[n], one.plan, asked, seed=n)
        ours = [point.loss for point in result.curve]
        assert ours[0] == pytest.approx(losses[0], rel=1e-6)
        assert ours == pytest.approx(losses, rel=1e-5)
        assert_same(one.weights, weights)


weights_of_rows = st.lists(st.floats(1e-3, 1e3), min_size=12, max_size=12)


@settings_of_hypothesis(max_examples=15, deadline=None)
@given(weights_of_rows, st.sampled_from(["completion", "all"]))
def test_every_layout_gives_the_loss_and_the_gradient_of_separate_rows(
    weights: list[float], loss_on: Any
) -> None:
    """Σ w · nll of the rows to 1e-6, and its gradient to 1e-5: a model in double precision still computes its
    norms and rotations in single."""
    model = loading.add_lora(tiny.llama(), settings().lora, seed=1).to(torch.float64)
    rows = [replace(row, weight=weight) for row, weight in zip(examples(), weights, strict=True)]
    expected = gradients(model, [batches.build([row], "padded", loss_on) for row in rows])
    for layout in LAYOUTS:
        with training.layouts.laid_out(model, layout):
            found = gradients(model, [batches.build(rows, layout, loss_on)])
        torch.testing.assert_close(found[0], expected[0], rtol=1e-6, atol=0)
        for ours, theirs in zip(found[1:], expected[1:], strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5 * max(1.0, *weights))


def gradients(model: torch.nn.Module, passes: Sequence[batches.Batch]) -> list[torch.Tensor]:
    model.zero_grad()
    total = torch.stack([summed_loss(model, batch) for batch in passes]).sum()
    total.backward()  # type: ignore[no-untyped-call]
    found = [p.grad.clone() for p in model.parameters() if p.requires_grad and p.grad is not None]
    return [total.detach(), *found]


def test_equal_weights_change_nothing() -> None:
    """Whatever they are: only what they are beside each other counts."""
    asked = settings(batching="packed", max_steps=3)
    curves = []
    for weight in (1.0, 4.0):
        rows = [replace(row, weight=weight) for row in examples()]
        trained = training.train(loading.add_lora(tiny.llama(), asked.lora, seed=7), rows, asked)
        curves.append([point.loss for point in trained.curve])
    assert curves[0] == pytest.approx(curves[1], rel=1e-6)


def test_rows_that_are_cut_keep_their_weights() -> None:
    rows = [
        {"id": "a", "text": tiny.TEXT[:900], "weight": 2.5},
        {"id": "b", "text": "A cat sat.", "weight": 0.5},
    ]
    cut = RenderingSettings(max_length=60, over_long="window")
    found = render(rows, tiny.tokenizer(), cut, context_length=512, weights="weight").examples
    assert {(example.row[0], example.weight) for example in found} == {("a", 2.5), ("b", 0.5)}
    assert len(found) > 3


@pytest.mark.parametrize("weight", [None, "2", True, 0, -1.0, float("nan"), float("inf"), [1.0]])
def test_a_row_without_a_weight_is_refused_by_its_name(weight: Any) -> None:
    row = {"id": "odd", "text": "A cat sat.", "meta": {"weight": weight}}
    with pytest.raises(BadRow) as raised:
        render([row], tiny.tokenizer(), RenderingSettings(), context_length=512, weights="meta.weight")
    assert raised.value.row == "odd"
    assert raised.value.errors[0].pointer == "/rows/odd"
