"""A plan that does not fit says what would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from services.trainer.data.rendering import Rendered, render
from services.trainer.errors import UnsuitableModel
from services.trainer.planning import plans
from services.trainer.planning.machine import Machine
from shared.contracts.training.plans import Plan
from shared.contracts.training.presets import EVALUATION_PRESETS, PRESETS
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.contracts.training.settings import EvaluationSettings, RenderingSettings, TrainingSettings
from shared.identity import artifact_id
from tests.unit.services.trainer import tiny

GIB = 2**30
ENDLESS = Machine(10**15, 1e11, bf16=False)
ROOT = Path(__file__).parents[5]
LLAMA_8B = {
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}


def rows(count: int = 400) -> Rendered:
    return render(tiny.stories(count), tiny.tokenizer(), RenderingSettings(), context_length=None)


def plan(memory: int, **settings: object) -> Plan:
    asked = TrainingSettings.model_validate({"rows_per_step": 400, "epochs": 1, **settings})
    config = plans.read_config(tiny.__file__, LLAMA_8B)  # type: ignore[arg-type]  # no folder is read
    return plans.plan(config, rows(), asked, machine=Machine(memory, 1e11, bf16=False))


def test_the_advised_micro_batch_fits() -> None:
    tight = plan(70 * GIB)
    assert not tight.fits
    advice = " ".join(tight.advice)
    assert "GiB are there" in advice
    found = re.search(r"micro_batch_tokens (\d+) it fits; the numbers stay the same", advice)
    assert found is not None
    assert plan(70 * GIB, micro_batch_tokens=int(found[1])).fits


def test_when_no_micro_batch_fits_layers_are_computed_again() -> None:
    """The advice is a plan that was made, not a hope."""
    longest = rows().counts.longest
    smallest = plan(10**15, micro_batch_tokens=longest).memory_bytes.expected
    advice = plan(int(smallest) - 2**20).advice[-1]
    assert advice.startswith("With gradient_checkpointing")
    found = re.search(r"micro_batch_tokens (\d+)", advice)
    changes = {"micro_batch_tokens": int(found[1])} if found else {}
    assert plan(int(smallest) - 2**20, gradient_checkpointing=True, **changes).fits


def test_an_evaluation_has_advice_of_its_own() -> None:
    config = plans.read_config(tiny.__file__, LLAMA_8B)  # type: ignore[arg-type]
    found = plans.plan(config, rows(4), EvaluationSettings(), machine=Machine(GIB, 1e11, bf16=False))
    assert not found.fits
    assert "weights alone do not fit" in found.advice[-1]


def test_the_350m_shape_of_the_recipe_has_350m_parameters() -> None:
    """C pre-trains models of 350M parameters: the recipe of its study names such a config."""
    recipe = yaml.safe_load((ROOT / "services/gateway/recipes/generation-factors.yaml").read_text())
    config = plans.read_config(tiny.__file__, recipe["parameters"]["architecture"])  # type: ignore[arg-type]
    asked = TrainingSettings(method="pretrain", loss_on="all", epochs=1)
    found = plans.plan(config, rows(8), asked, machine=ENDLESS)
    assert found.parameters == found.trainable_parameters == pytest.approx(350e6, rel=0.1)
    assert found.memory_bytes.expected > 16 * found.parameters


@pytest.mark.parametrize("layers", [0, -1, 10**9, "x", None])
def test_layers_without_end_are_refused_before_any_is_built(layers: object) -> None:
    with pytest.raises(UnsuitableModel, match="from 1 to 1000"):
        plans.read_config(tiny.__file__, {**LLAMA_8B, "num_hidden_layers": layers})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"attn_implementation": "kernels-community/flash-attn"},
        {"_attn_implementation": "someone/kernels:attention"},
        {"text_config": {"attn_implementation": "flash_attention_2"}},
        {"auto_map": {"AutoModel": "someone/model--code.Model"}},
    ],
)
def test_an_architecture_names_nothing_that_is_loaded_from_elsewhere(changes: dict[str, object]) -> None:
    with pytest.raises(UnsuitableModel, match=r"architecture's (_?attn_implementation|auto_map)"):
        plans.read_config(tiny.__file__, {**LLAMA_8B, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"hidden_size": 10**12}, {"model_type": "vit"}, {"hidden_act": "no"}])
def test_an_architecture_that_cannot_be_planned_is_refused(changes: dict[str, object]) -> None:
    def planned() -> Plan:
        config = plans.read_config(tiny.__file__, {**LLAMA_8B, **changes})  # type: ignore[arg-type]
        return plans.plan(config, rows(4), TrainingSettings(method="pretrain"), machine=ENDLESS)

    with pytest.raises(UnsuitableModel, match="config"):
        planned()


def test_bf16_is_what_the_machine_that_trains_computes_in() -> None:
    """The one that plans may have no GPU."""
    config = plans.read_config(tiny.__file__, LLAMA_8B)  # type: ignore[arg-type]
    plain, half = (
        plans.plan(config, rows(4), TrainingSettings(), machine=Machine(10**15, speed, bf16=speed > 1e13))
        for speed in (1e11, 1e14)
    )
    assert half.memory_bytes.expected < 0.6 * plain.memory_bytes.expected
    assert half.seconds.expected < 0.1 * plain.seconds.expected


def test_weights_that_do_not_fit_need_another_base() -> None:
    assert "take a smaller base" in " ".join(plan(8 * GIB).advice)


def test_checkpointing_keeps_less() -> None:
    plain, checkpointed = plan(10**15), plan(10**15, gradient_checkpointing=True)
    assert checkpointed.memory_bytes.expected < 0.8 * plain.memory_bytes.expected


def test_steps_and_tokens_are_the_rows_own() -> None:
    found = plan(10**15, rows_per_step=16, epochs=2)
    assert found.steps == 2 * 25
    assert found.tokens == 2 * rows().counts.tokens
    assert found.trainable_parameters == 32 * 2 * 8 * (4096 + 4096) - 32 * 8 * (4096 - 1024)


def test_the_presets_are_the_papers() -> None:
    w, e = PRESETS["W"], PRESETS["E"]
    assert (w.lora.r, w.lora.alpha, w.learning_rate, w.weight_decay, w.epochs) == (8, 16, 1e-4, 1e-4, 3)
    assert (e.lora.r, e.lora.alpha, e.lora.dropout, e.lora.target_modules) == (16, 32, 0.1, "all-linear")
    assert (e.learning_rate, e.schedule, e.warmup_ratio, e.weight_decay) == (5e-5, "cosine", 0.03, 0.01)
    assert (e.epochs, e.rendering.max_length, e.batching) == (3, 1024, "padded")
    assert e.early_stopping is not None
    assert e.early_stopping.patience == 5
    c = PRESETS["C"]
    assert (c.method, c.learning_rate, c.epochs) == ("full", 2e-5, 3)


DATASET = "dataset-" + "0" * 32


def test_an_evaluation_names_a_preset_as_a_training_does() -> None:
    """A model trained with E's chat template and length is scored with them."""
    named = EvaluationRequest.model_validate({"dataset": DATASET, "base": "b", "preset": "E"})
    assert named.settings == EVALUATION_PRESETS["E"]
    trained = PRESETS["E"].rendering
    assert named.settings.rendering == trained
    plain = EvaluationRequest.model_validate({"dataset": DATASET, "base": "b"})
    assert plain.settings == EvaluationSettings()
    spelled = EvaluationRequest(dataset=DATASET, base="b", settings=EVALUATION_PRESETS["E"])
    assert artifact_id(named) == artifact_id(spelled) != artifact_id(plain)
    changed = {"rendering": {"over_long": "drop"}}
    over = EvaluationRequest.model_validate(
        {"dataset": DATASET, "base": "b", "preset": "E", "settings": changed}
    )
    assert (over.settings.rendering.over_long, over.settings.rendering.chat_template) == ("drop", True)
    assert EvaluationRequest.model_validate(over.model_dump(mode="json")) == over


def test_what_is_trained_on_does_not_stop_the_training() -> None:
    asked = {"dataset": DATASET, "base": "b", "validation": DATASET}
    with pytest.raises(ValueError, match="validation and dataset are the same rows"):
        TrainingRequest.model_validate(asked)


def test_the_test_set_does_not_stop_the_training() -> None:
    asked = {
        "dataset": DATASET,
        "base": "b",
        "validation": "dataset-" + "1" * 32,
        "test": "dataset-" + "1" * 32,
    }
    with pytest.raises(ValueError, match="validation and test are the same rows"):
        TrainingRequest.model_validate(asked)
