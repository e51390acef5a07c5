"""The papers' settings by name."""

from __future__ import annotations

from collections.abc import Mapping

from shared.contracts.base import Contract
from shared.contracts.json_types import JsonObject
from shared.contracts.training.fields import PresetName
from shared.contracts.training.settings import (
    EarlyStopping,
    EvaluationSettings,
    LoraSettings,
    RenderingSettings,
    TrainingSettings,
)

PRESETS: dict[PresetName, TrainingSettings] = {
    "W": TrainingSettings(),
    "E": TrainingSettings(
        lora=LoraSettings(
            r=16,
            alpha=32,
            dropout=0.1,
            target_modules="all-linear",  # q, k, v, o, gate, up and down of a Llama; the like elsewhere
        ),
        rendering=RenderingSettings(max_length=1024, chat_template=True),
        learning_rate=5e-5,
        weight_decay=0.01,
        schedule="cosine",
        warmup_ratio=0.03,
        batching="padded",  # "no packing"
        early_stopping=EarlyStopping(patience=5),
    ),
    "C": TrainingSettings(method="full", learning_rate=2e-5),  # its supervised fine-tuning, 3 epochs
}
"""The papers' fine-tuning settings by name. What a paper leaves unsaid is the default of `TrainingSettings`.
E's `over_long` is unsaid: a row beyond 1024 tokens is refused unless the request says otherwise."""
EVALUATION_PRESETS: dict[PresetName, EvaluationSettings] = {
    "W": EvaluationSettings(),
    # As its models are trained. The layout is ours: it changes no value.
    "E": EvaluationSettings(rendering=RenderingSettings(max_length=1024, chat_template=True)),
    "C": EvaluationSettings(),
}
"""The papers' evaluation settings by name: a model is tested on rows rendered as it was trained on them."""


def _merged(base: JsonObject, over: JsonObject) -> JsonObject:
    """`over` laid on `base`, table by table."""
    whole = dict(base)
    for key, value in over.items():
        known = whole.get(key)
        whole[key] = _merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return whole


def on_its_preset(data: JsonObject, presets: Mapping[PresetName, Contract]) -> JsonObject:
    """A request's fields, its `settings` laid on those of the preset it names."""
    given = data.get("settings") or {}
    preset = next((settings for known, settings in presets.items() if known == data.get("preset", "W")), None)
    if preset is None or not isinstance(given, dict):
        return data
    return {**data, "settings": _merged(preset.model_dump(mode="json"), given)}
