"""A plan that does not fit says what would."""

from __future__ import annotations

import re

from services.trainer import planning
from services.trainer.rendering import Rendered, render
from shared.contracts.training import PRESETS, Plan, RenderingSettings, TrainingSettings
from tests.unit.services.trainer import tiny

GIB = 2**30
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
    config = planning.read_config(tiny.__file__, LLAMA_8B)  # type: ignore[arg-type]  # no folder is read
    return planning.plan(config, rows(), asked, device="cpu", memory_bytes=memory)


def test_the_advised_micro_batch_fits() -> None:
    tight = plan(70 * GIB)
    assert not tight.fits
    advice = " ".join(tight.advice)
    assert "GiB are there" in advice
    found = re.search(r"micro_batch_tokens (\d+) it fits; the numbers stay the same", advice)
    assert found is not None
    assert plan(70 * GIB, micro_batch_tokens=int(found[1])).fits


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
