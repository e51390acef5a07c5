"""LoRA adapters merged into one, exactly.

An adapter adds ΔW = (alpha / r) B A to a weight, A of shape [r, in] and B of [out, r]. A weighted sum of such
is again one: with A the adapters' stacked on each other, and B theirs side by side, each times its weight and
its own alpha / r,

    Σ wᵢ (alphaᵢ / rᵢ) Bᵢ Aᵢ  =  [w₁ (alpha₁/r₁) B₁ … ] [A₁; …]

of rank Σ rᵢ (peft's `cat`). Adding the As and the Bs each (peft's `linear`) would not be the sum.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from services.trainer.errors import UnsuitableModel

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
A, B = "lora_A.weight", "lora_B.weight"
PLAIN: Mapping[str, Any] = {
    "peft_type": "LORA",
    "bias": "none",
    "modules_to_save": None,
    "use_dora": False,
    "use_rslora": False,
    "rank_pattern": {},
    "alpha_pattern": {},
}
"""What an adapter's config must say, or leave out, for its ΔW to be the above."""


@dataclass(frozen=True)
class SavedAdapter:
    """An adapter's config and weights, as peft saves them."""

    name: str
    config: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def scale(self) -> float:
        return float(self.config["lora_alpha"]) / int(self.config["r"])


def read_adapter(folder: Path, name: str) -> SavedAdapter:
    """Raises UnsuitableModel for an adapter that is more than a low-rank sum."""
    config = json.loads((folder / CONFIG).read_text())
    for field, plain in PLAIN.items():
        if config.get(field) not in (plain, None):
            raise UnsuitableModel(
                f"{name} is an adapter with {field} {config[field]!r}: what it adds is no plain product, and "
                "is not merged. Train it without."
            )
    tensors = load_file(str(folder / WEIGHTS))
    odd = [key for key in tensors if not key.endswith((A, B))]
    if odd:
        raise UnsuitableModel(f"{name} holds {odd[0]}, which is no part of a plain LoRA adapter.")
    return SavedAdapter(name, config, tensors)


def merge_adapters(adapters: Sequence[SavedAdapter], weights: Sequence[float]) -> SavedAdapter:
    """The adapter that adds Σ weight · ΔW; its factors in fp32. What weighs 0 takes no rank, unless all do.

    Raises UnsuitableModel when they do not adapt the same weights.
    """
    first = adapters[0]
    for other in adapters[1:]:
        if set(other.tensors) != set(first.tensors):
            raise UnsuitableModel(
                f"{first.name} and {other.name} adapt different weights: train them with the same "
                "target_modules."
            )
    used = [pair for pair in zip(adapters, weights, strict=True) if pair[1]] or [(first, 0.0)]
    tensors = {}
    for key in first.tensors:
        if key.endswith(A):
            tensors[key] = torch.cat([one.tensors[key].float() for one, _ in used], dim=0)
        else:
            parts = [one.tensors[key].float() * (weight * one.scale) for one, weight in used]
            tensors[key] = torch.cat(parts, dim=1)
    rank = sum(int(one.config["r"]) for one, _ in used)
    config = {**first.config, "r": rank, "lora_alpha": rank, "lora_dropout": 0.0}
    return SavedAdapter("merged", config, tensors)


def write_adapter(adapter: SavedAdapter, folder: Path) -> None:
    """In peft's own format; `PeftModel.from_pretrained` loads it."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {key: tensor.contiguous() for key, tensor in adapter.tensors.items()}
    save_file(whole, str(folder / WEIGHTS), metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(adapter.config, indent=2, sort_keys=True))
