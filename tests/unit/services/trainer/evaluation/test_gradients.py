"""Gradient diversity equals what a plain loop over rows, weights and whole gradients finds."""

from __future__ import annotations

import math
from statistics import NormalDist

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from services.metrics.intervals.vendi import vendi_interval
from services.metrics.semantic.vendi import vendi
from services.trainer.batching import batches
from services.trainer.data.examples import Example
from services.trainer.data.rendering import render
from services.trainer.evaluation.gradients import (
    diversity_of,
    gradient_diversity,
    gradients,
    sampled,
    signs,
    watched_layers,
)
from services.trainer.loop.loss import summed_loss
from shared.contracts.training.settings import EvaluationSettings, GradientSettings, RenderingSettings
from tests.unit.services.trainer import tiny

ASKED = GradientSettings(side=4, seed=3)
MODELS = {"llama": tiny.llama, "gpt2": tiny.gpt2}


def examples(count: int = 9) -> list[Example]:
    found = render(tiny.stories(count), tiny.tokenizer(), RenderingSettings(), context_length=None)
    return list(found.examples)


def one_by_one(model: PreTrainedModel, rows: list[Example], asked: GradientSettings) -> Tensor:
    """A backward pass a row, the whole gradient of every weight, and its projection from both sides."""
    found = []
    for row in rows:
        model.zero_grad()
        summed_loss(model, batches.build([row], "padded", "completion")).backward()
        total = torch.zeros(asked.side, asked.side)
        for place, layer in enumerate(watched_layers(model)):
            assert isinstance(layer, nn.Linear | Conv1D)
            assert isinstance(layer.weight.grad, Tensor)
            whole = layer.weight.grad.T if isinstance(layer, Conv1D) else layer.weight.grad
            of_output = signs(asked.side, whole.shape[0], asked.seed, 2 * place)
            of_input = signs(asked.side, whole.shape[1], asked.seed, 2 * place + 1)
            total += of_output @ whole @ of_input.T
        found.append(total.flatten())
    model.zero_grad()
    return nn.functional.normalize(torch.stack(found), dim=1)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("tokens", [64, 16384])
def test_gradients_of_a_batch_are_those_of_its_rows_alone(kind: str, tokens: int) -> None:
    model, rows = MODELS[kind](), examples()
    found = gradients(model, rows, EvaluationSettings(micro_batch_tokens=tokens), ASKED)
    assert torch.allclose(found, one_by_one(MODELS[kind](), rows, ASKED), atol=2e-4)


def test_the_model_is_left_as_it_was() -> None:
    model = tiny.llama().train()
    gradients(model, examples(2), EvaluationSettings(), ASKED)
    assert model.training
    assert all(weight.requires_grad and weight.grad is None for weight in model.parameters())
    assert not any(layer._forward_hooks for layer in model.modules())


def test_the_score_and_its_interval_are_the_vendi_score_of_the_gradients() -> None:
    vectors = gradients(tiny.llama(), examples(40), EvaluationSettings(), ASKED)
    found = diversity_of(vectors, ASKED)
    assert found.value == pytest.approx(vendi(vectors.double().numpy()), rel=1e-9)
    interval = vendi_interval(vectors.double().numpy(), 1.0, value=found.value)
    assert found.value is not None
    assert found.high is not None
    error = math.log(found.high / found.value) / NormalDist().inv_cdf(0.975)
    assert error * found.value == pytest.approx(interval.standard_error, rel=1e-6)
    assert diversity_of(vectors[:20], ASKED).low is None  # too few for the normal law


def test_rows_that_teach_one_thing_count_as_one() -> None:
    model, rows = tiny.llama(), examples(3)
    one = gradient_diversity(model, rows[:1] * 5, EvaluationSettings(), ASKED)
    several = gradient_diversity(model, rows, EvaluationSettings(), ASKED)
    assert one.value == pytest.approx(1, abs=1e-3)
    assert several.value is not None
    assert 1 < several.value <= 3
    assert several.rows == 3


def test_a_sample_is_seeded_and_in_order() -> None:
    rows = examples(9)
    asked = GradientSettings(rows=4, seed=1)
    assert sampled(rows, asked) == sampled(rows, asked)
    assert [rows.index(row) for row in sampled(rows, asked)] == sorted(map(rows.index, sampled(rows, asked)))
    assert sampled(rows, GradientSettings(rows=9)) == rows


def test_projections_keep_products_of_gradients() -> None:
    rows = examples(9)
    wide = gradients(tiny.llama(), rows, EvaluationSettings(), GradientSettings(side=64))
    wider = gradients(tiny.llama(), rows, EvaluationSettings(), GradientSettings(side=128, seed=9))
    assert float((wide @ wide.T - wider @ wider.T).abs().max()) < 0.15


def test_rows_without_gradient_are_counted() -> None:
    vectors = torch.zeros(3, 4)
    vectors[0, 0] = 1
    found = diversity_of(vectors, ASKED)
    assert (found.value, found.rows, found.rows_without_gradient) == (pytest.approx(1), 1, 2)
    assert diversity_of(torch.zeros(2, 4), ASKED).value is None
