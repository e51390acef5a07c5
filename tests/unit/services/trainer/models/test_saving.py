"""A trained model is taken away whole: an adapter knows its base, and has its tokenizer and template."""

from __future__ import annotations

import json
from pathlib import Path

from peft import AutoPeftModelForCausalLM
from transformers import AutoTokenizer

from services.trainer.loop.training import Trained
from services.trainer.models import loading
from services.trainer.models.building import finish
from services.trainer.models.resolving import ModelFiles
from shared.contracts.training.requests import TrainingRequest
from shared.contracts.training.settings import LoraSettings
from tests.unit.services.trainer import tiny

OWN = "{% for m in messages %}{{ m['content'] }}<|end|>{% endfor %}"
TRAINED = Trained(
    curve=(),
    steps=3,
    planned_steps=3,
    stopped_early=False,
    best_step=None,
    tokens=9,
    computed_tokens=9,
    seconds=1.0,
)


def finished(folder: Path, files: ModelFiles) -> Path:
    request = TrainingRequest.model_validate(
        {"dataset": f"dataset-{'0' * 32}", "base": "tiny", "settings": {"rendering": {"template": OWN}}}
    )
    model = loading.add_lora(tiny.llama(), LoraSettings(r=4), seed=0)
    return finish(model, TRAINED, request, files, tiny.tokenizer(), folder).folder


def test_an_adapter_is_loaded_by_its_folder_alone(tmp_path: Path) -> None:
    base = tmp_path / "base"
    tiny.llama().save_pretrained(str(base))
    files = ModelFiles("tiny", base, "d" * 64, hub=str(base))
    folder = finished(tmp_path / "adapter", files)
    model = AutoPeftModelForCausalLM.from_pretrained(str(folder))
    assert model.peft_config["default"].r == 4
    assert AutoTokenizer.from_pretrained(str(folder)).chat_template == OWN
    assert tiny.tokenizer().chat_template is None


def test_a_base_of_a_hub_is_named_with_its_revision(tmp_path: Path) -> None:
    files = ModelFiles("small", tmp_path, "d" * 64, hub="owner/model", revision="c" * 40)
    folder = finished(tmp_path / "adapter", files)
    told = json.loads((folder / "adapter_config.json").read_text())
    assert (told["base_model_name_or_path"], told["revision"]) == ("owner/model", "c" * 40)
    card = (folder / "README.md").read_text()
    assert "base_model: owner/model\n" in card
    assert str(tmp_path) not in card


def test_a_base_that_was_a_folder_is_named_as_the_trainer_names_it(tmp_path: Path) -> None:
    folder = finished(tmp_path / "adapter", ModelFiles("small", tmp_path, "d" * 64))
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "small"
    assert "PeftModel.from_pretrained" in (folder / "README.md").read_text()
