"""A merged adapter adds the weighted sum of what each adapter adds, saved and loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from peft.tuners.lora import LoraLayer

from services.trainer.data.rendering import render
from services.trainer.errors import UnsuitableModel
from services.trainer.evaluation.losses import evaluate
from services.trainer.models import loading
from services.trainer.models.merging import CONFIG, SavedAdapter, merge_adapters, read_adapter, write_adapter
from shared.contracts.training.settings import EvaluationSettings, LoraSettings, RenderingSettings
from tests.unit.services.trainer import tiny

Make = Callable[[], Any]
SHAPES = ((4, 8.0), (2, 6.0), (4, 16.0))
"""Rank and alpha of each adapter."""


def adapted(make: Make, number: int, targets: Any = "all-linear") -> PeftModel:
    """A model with an adapter that adds something."""
    rank, alpha = SHAPES[number]
    lora = LoraSettings(r=rank, alpha=alpha, target_modules=targets)
    model = loading.add_lora(make(), lora, seed=number)
    torch.manual_seed(number)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.05)
    return model


def saved(make: Make, folder: Path) -> list[SavedAdapter]:
    found = []
    for number in range(len(SHAPES)):
        loading.save(adapted(make, number), folder / str(number), base_name="tiny")
        found.append(read_adapter(folder / str(number), f"adapter {number}"))
    return found


def by_hand(make: Make, weights: Sequence[float]) -> Any:
    """The base with Σ weight · ΔW in its own weights, each ΔW as peft gives it."""
    base = make()
    with torch.no_grad():
        for number, weight in enumerate(weights):
            model = adapted(make, number)
            for name, layer in model.get_base_model().named_modules():
                if isinstance(layer, LoraLayer):
                    base.get_submodule(name).weight += weight * layer.get_delta_weight("default")
    return base


def losses(model: Any) -> list[float]:
    rows, contexts = tiny.questions(3, 4)
    examples = render(
        rows, tiny.tokenizer(), RenderingSettings(), context_length=512, contexts=contexts
    ).examples
    return [row.nll for row in evaluate(model, examples, EvaluationSettings(batching="shared_prefix"))]


@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2])
@pytest.mark.parametrize("weights", [(0.5, 0.3, 0.2), (1.0, -0.5, 2.0), (0.0, 1.0, 0.0), (0.0, 0.0, 0.0)])
def test_it_is_evaluated_as_the_sum_of_weights_is(
    make: Make, weights: Sequence[float], tmp_path: Path
) -> None:
    """Saved and loaded as an adapter; folded into the base, saved and loaded as a whole model; by hand: to
    1e-5."""
    expected = losses(by_hand(make, weights))
    write_adapter(merge_adapters(saved(make, tmp_path), weights), tmp_path / "merged")
    loaded = loading.load_adapter(make(), tmp_path / "merged")
    assert losses(loaded) == pytest.approx(expected, rel=1e-5)
    whole: Any = loaded.merge_and_unload()
    whole.save_pretrained(str(tmp_path / "whole"))
    assert losses(loading.load_base(tmp_path / "whole")) == pytest.approx(expected, rel=1e-5)
    if any(weights):
        assert abs(sum(losses(make())) - sum(expected)) > 1e-2  # the adapters say something


def test_ranks_add_up_and_what_weighs_nothing_takes_none(tmp_path: Path) -> None:
    adapters = saved(tiny.llama, tmp_path)
    assert merge_adapters(adapters, (1, 1, 1)).config["r"] == 10
    assert merge_adapters(adapters, (1, 0, 1)).config["r"] == 8
    assert merge_adapters(adapters[:1], (0,)).config["r"] == 4


def test_an_adapter_alone_is_itself(tmp_path: Path) -> None:
    write_adapter(merge_adapters(saved(tiny.llama, tmp_path), (0, 1, 0)), tmp_path / "merged")
    assert losses(loading.load_adapter(tiny.llama(), tmp_path / "merged")) == pytest.approx(
        losses(adapted(tiny.llama, 1)), rel=1e-5
    )


def test_adapters_of_other_weights_are_refused(tmp_path: Path) -> None:
    loading.save(adapted(tiny.llama, 0), tmp_path / "0", base_name="tiny")
    loading.save(adapted(tiny.llama, 1, ("q_proj",)), tmp_path / "1", base_name="tiny")
    adapters = [read_adapter(tmp_path / name, name) for name in ("0", "1")]
    with pytest.raises(UnsuitableModel) as raised:
        merge_adapters(adapters, (1, 1))
    assert raised.value.code == "unsuitable_model"


@pytest.mark.parametrize(
    ("field", "value"),
    [("use_dora", True), ("use_rslora", True), ("bias", "all"), ("rank_pattern", {"q": 2})],
)
def test_what_is_no_plain_adapter_is_refused(field: str, value: Any, tmp_path: Path) -> None:
    loading.save(adapted(tiny.llama, 0), tmp_path / "0", base_name="tiny")
    config = json.loads((tmp_path / "0" / CONFIG).read_text())
    (tmp_path / "0" / CONFIG).write_text(json.dumps({**config, field: value}))
    with pytest.raises(UnsuitableModel, match=field):
        read_adapter(tmp_path / "0", "odd")
