"""Whether an adapter that is trained further is the one that the request describes."""

from __future__ import annotations

import re
from typing import Any

from peft import LoraConfig, PeftModel
from peft.tuners.lora import LoraLayer
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as KNOWN_TARGETS
from torch import nn
from transformers.pytorch_utils import Conv1D

from services.trainer.errors import UnsuitableModel
from shared.contracts.problems import FieldError

LORA_FIELDS = {"r": "r", "lora_alpha": "alpha", "lora_dropout": "dropout"}
"""peft's names of what a request says of an adapter, and the request's (its modules are compared by name)."""
NOT_COMPARED = {
    *LORA_FIELDS,
    *("target_modules", "base_model_name_or_path", "inference_mode", "peft_version", "revision"),
    *("auto_mapping", "fan_in_fan_out", "init_lora_weights", "task_type"),
}
"""What says nothing of how an adapter is computed, or follows from its base."""


def require_same(adapted: PeftModel, asked: LoraConfig, wanted: set[str]) -> None:
    """Raises UnsuitableModel, with a pointer to each setting in which an adapter and what is asked of it
    differ. `wanted`: the modules that `asked` puts an adapter on.
    """
    found: Any = adapted.peft_config["default"]
    base = adapted.get_base_model()
    has = {name for name, module in base.named_modules() if isinstance(module, LoraLayer)}
    differ = {name: (getattr(found, name), getattr(asked, name)) for name in LORA_FIELDS}
    if has != wanted:
        differ["target_modules"] = (sorted(found.target_modules), asked.target_modules or "default")
    own, theirs = (
        {k: v for k, v in one.to_dict().items() if k not in NOT_COMPARED} for one in (asked, found)
    )
    differ |= {name: (theirs.get(name), value) for name, value in own.items()}
    errors = [
        FieldError(
            pointer=f"/settings/lora/{LORA_FIELDS.get(name, name)}",
            detail=f"the adapter has {value}, the request asks for {other}",
        )
        for name, (value, other) in differ.items()
        if value != other
    ]
    if errors:
        named = "; ".join(f"{error.pointer.rpartition('/')[2]}: {error.detail}" for error in errors)
        raise UnsuitableModel(f"An adapter is trained further with its own settings only ({named}).", errors)


def targeted(model: Any, targets: Any) -> set[str]:
    """Names of the modules that peft would put an adapter on."""
    wanted = KNOWN_TARGETS[model.config.model_type] if targets is None else targets
    if wanted == "all-linear":
        head = model.get_output_embeddings()
        linear = (nn.Linear, Conv1D)
        return {name for name, one in model.named_modules() if isinstance(one, linear) and one is not head}
    if isinstance(wanted, str):
        return {name for name, _ in model.named_modules() if re.fullmatch(wanted, name)}
    return {
        name for name, _ in model.named_modules() if any(f".{name}".endswith(f".{end}") for end in wanted)
    }
