"""What is refused before it is trained, and what a tokenizer may lack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertLMHeadModel, T5Config, T5ForConditionalGeneration

from services.trainer.errors import UnsuitableModel
from services.trainer.models import loading
from shared.contracts.training.settings import LoraSettings
from tests.unit.services.trainer import tiny


def test_a_model_that_looks_ahead_is_refused(tmp_path: Path) -> None:
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    torch.manual_seed(0)
    config = BertConfig(vocab_size=400, initializer_range=0.5, **shape)
    BertLMHeadModel(config).save_pretrained(str(tmp_path))
    with pytest.raises(UnsuitableModel, match="not causal: a later token changes"):
        loading.load_base(tmp_path)


def test_an_encoder_decoder_is_refused(tmp_path: Path) -> None:
    config = T5Config(vocab_size=400, d_model=16, d_kv=8, d_ff=16, num_layers=1, num_heads=2)
    T5ForConditionalGeneration(config).save_pretrained(str(tmp_path))
    with pytest.raises(UnsuitableModel, match="No causal language model"):
        loading.load_base(tmp_path)


def test_weights_that_are_no_safetensors_are_refused(tmp_path: Path) -> None:
    tiny.saved(tiny.llama(), tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(UnsuitableModel, match="could be loaded"):
        loading.load_base(tmp_path)


def test_a_tokenizer_needs_no_pad_token() -> None:
    coder = tiny.tokenizer()
    assert coder.pad_token_id is None
    assert loading.pad_id(coder) == coder.eos_token_id


@pytest.mark.parametrize(("major", "expected"), [(7, torch.float32), (8, torch.bfloat16)])
def test_bf16_is_what_the_hardware_computes_in(
    major: int, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A V100 or T4 (7.x) only emulates it, and torch says by default that it has it."""
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(major=major))
    assert loading.precision_of("auto", "cuda:0") is expected
    assert loading.precision_of("auto", "cpu") is torch.float32
    assert loading.precision_of("bf16", "cpu") is torch.bfloat16


@pytest.mark.parametrize("changes", [{"num_attention_heads": 0}, {"hidden_size": "x"}, {"hidden_act": "no"}])
def test_an_architecture_that_makes_no_sense_is_refused(changes: dict[str, object]) -> None:
    shape = {"model_type": "llama", "hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 40}
    with pytest.raises(UnsuitableModel, match="can be built from this config"):
        loading.fresh_model({**shape, **changes}, seed=0)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"r": 8}, "/settings/lora/r"),
        ({"alpha": 3.0}, "/settings/lora/alpha"),
        ({"dropout": 0.1}, "/settings/lora/dropout"),
        ({"target_modules": "all-linear"}, "/settings/lora/target_modules"),
        ({"target_modules": ("q_proj",)}, "/settings/lora/target_modules"),
    ],
)
def test_an_adapter_goes_on_as_it_was_made_only(
    tmp_path: Path, changes: dict[str, Any], pointer: str
) -> None:
    loading.save(loading.add_lora(tiny.llama(), LoraSettings(r=4), seed=0), tmp_path, base_name="tiny")
    loading.load_adapter(tiny.llama(), tmp_path, trainable=LoraSettings(r=4))
    with pytest.raises(UnsuitableModel) as refused:
        loading.load_adapter(tiny.llama(), tmp_path, trainable=LoraSettings(**{"r": 4, **changes}))
    assert [error.pointer for error in refused.value.errors] == [pointer]


@pytest.mark.parametrize("make", [tiny.llama, tiny.gpt2])
def test_the_same_modules_by_another_name_are_the_same(tmp_path: Path, make: Callable[[], Any]) -> None:
    every = LoraSettings(r=4, target_modules="all-linear")
    loading.save(loading.add_lora(make(), every, seed=0), tmp_path, base_name="tiny")
    own = json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"]
    for same in (every, LoraSettings(r=4, target_modules=tuple(own))):
        loading.load_adapter(make(), tmp_path, trainable=same)


def test_modules_are_listed_in_one_order(tmp_path: Path) -> None:
    """peft keeps them as a set, whose order differs from process to process."""
    modules = ("v_proj", "q_proj", "up_proj", "o_proj", "k_proj")
    model = loading.add_lora(tiny.llama(), LoraSettings(target_modules=modules), seed=0)
    loading.save(model, tmp_path, base_name="tiny")
    told = json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"]
    assert told == sorted(modules)


def test_an_adapter_of_another_kind_is_named(tmp_path: Path) -> None:
    loading.save(loading.add_lora(tiny.llama(), LoraSettings(), seed=0), tmp_path, base_name="tiny")
    path = tmp_path / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "use_rslora": True}))
    with pytest.raises(UnsuitableModel) as refused:
        loading.load_adapter(tiny.llama(), tmp_path, trainable=LoraSettings())
    assert [error.pointer for error in refused.value.errors] == ["/settings/lora/use_rslora"]


def test_modules_that_are_not_there_are_named() -> None:
    with pytest.raises(UnsuitableModel, match="all-linear"):
        loading.add_lora(tiny.llama(), LoraSettings(target_modules=("no_such_layer",)), seed=0)
