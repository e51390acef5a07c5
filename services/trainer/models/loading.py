"""Base models, tokenizers and adapters: loading, checking, saving. Weights are safetensors only."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from peft import LoraConfig, PeftModel, get_peft_model
from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as KNOWN_TARGETS
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from services.trainer.errors import UnsuitableModel
from services.trainer.loop import loss
from services.trainer.models.continuing import require_same, targeted
from shared.contracts.training.fields import Precision
from shared.contracts.training.settings import LoraSettings

_DROPOUTS = "gamut_dropouts"
SAME_LOGITS, SAME_LOGITS_IN_HALF = 1e-5, 0.02
"""Relative difference of logits that are computed twice."""
NOT_BUILT = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    ArithmeticError,
    AttributeError,
    RuntimeError,
    StrictDataclassError,
)
"""What transformers and torch raise for a config that makes no sense."""


def load_tokenizer(path: str | Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder or hub name. It needs no pad token: our batches mask what they pad."""
    try:
        return AutoTokenizer.from_pretrained(str(path), trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise UnsuitableModel(f"No tokenizer could be loaded for this model: {error}") from error


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The id that fills padded lines: any will do, since what is padded is masked."""
    for candidate in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if candidate is not None:
            return int(candidate)
    return 0


def load_base(
    path: str | Path, *, precision: torch.dtype = torch.float32, dropout: bool = False, device: str = "cpu"
) -> PreTrainedModel:
    """A causal model from a folder or hub name. With `dropout` false its own dropout is switched off.

    Raises UnsuitableModel for anything that is not a causal language model in safetensors.
    """
    try:
        config = AutoConfig.from_pretrained(str(path), trust_remote_code=False)
        kept = dict(config.to_dict())
        if not dropout:
            silence(config)
        model = AutoModelForCausalLM.from_pretrained(
            str(path), config=config, dtype=precision, use_safetensors=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise UnsuitableModel(f"No causal language model could be loaded: {error}") from error
    return _ready(model, kept, device)


def fresh_model(
    config: Mapping[str, Any],
    *,
    seed: int,
    precision: torch.dtype = torch.float32,
    dropout: bool = False,
    device: str = "cpu",
) -> PreTrainedModel:
    """A model with random weights from a config mapping (`model_type` and its fields), for pre-training."""
    torch.manual_seed(seed)
    try:
        built = AutoConfig.for_model(**config)
        kept = dict(built.to_dict())
        if not dropout:
            silence(built)
        model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            built, dtype=precision, trust_remote_code=False
        )
    except NOT_BUILT as error:
        raise UnsuitableModel(f"No causal language model can be built from this config: {error}") from error
    return _ready(model, kept, device)


def _ready(model: PreTrainedModel, config: Mapping[str, Any], device: str) -> PreTrainedModel:
    nn.Module.to(model, device)
    nn.Module.eval(model)
    require_causal(model)
    # What `silence` changed is put back when the model is saved.
    dropouts = {name: value for name, value in config.items() if _is_dropout(name, value)}
    setattr(model, _DROPOUTS, dropouts)
    return model


def _is_dropout(name: str, value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and ("drop" in name or name.endswith("_pdrop"))
    )


def silence(config: Any) -> None:
    """Switches off the dropout that a config asks for."""
    for name, value in config.to_dict().items():
        if _is_dropout(name, value):
            setattr(config, name, 0.0)


@torch.no_grad()
def require_causal(model: PreTrainedModel) -> None:
    """Refuses a model in which a later token changes what an earlier one predicts (BERT and its kin)."""
    if model.config.is_encoder_decoder:
        raise UnsuitableModel(
            "This is an encoder-decoder model; the trainer works with causal language models only."
        )
    last = min(vocabulary(model.config), 8) - 1
    ids = torch.tensor([[0, 1, 0, 1], [0, 1, 0, last]], device=model.device)
    logits = model(input_ids=ids, use_cache=False).logits[:, :3].float()
    if not torch.allclose(logits[0], logits[1], atol=1e-3):
        raise UnsuitableModel(
            "This model is not causal: a later token changes what it predicts at an earlier one. "
            "Use a causal language model (GPT-2, Llama, OPT, Qwen and the like)."
        )
    _require_head(model, ids[:1], logits[:1])


def _require_head(model: PreTrainedModel, ids: Tensor, logits: Tensor) -> None:
    """Refuses a model whose logits are not what its head makes of the hidden states: its loss would be
    another one's.
    """
    try:
        with loss.without_head(model) as head:
            found = head(model(input_ids=ids, use_cache=False).logits[:, : logits.shape[1]]).float()
    except (AttributeError, TypeError) as error:
        raise UnsuitableModel(f"This model has no output head of its own ({error}).") from error
    allowed = SAME_LOGITS if model.dtype == torch.float32 else SAME_LOGITS_IN_HALF
    if not (found - logits).norm() <= allowed * logits.norm():
        raise UnsuitableModel(
            f"{type(model).__name__} changes the logits that its output head makes, in a way that is not "
            "known here. Use another base."
        )


def context_length(model: nn.Module) -> int | None:
    """The longest row the model takes, in tokens; None if its config names none."""
    return config_context_length(model.config)


def config_context_length(config: Any) -> int | None:
    """The same, of a model that is not loaded."""
    for name in ("max_position_embeddings", "n_positions", "n_ctx"):
        if getattr(config, name, None):
            return int(getattr(config, name))
    return None


def vocabulary(config: Any) -> int:
    """Tokens that a model of this config knows."""
    return int(config.get_text_config().vocab_size)


def precision_of(precision: Precision, device: str) -> torch.dtype:
    """The dtype that `auto` means on this device: bf16 where the hardware computes in it."""
    if precision == "auto":
        return torch.bfloat16 if device.startswith("cuda") and _computes_bf16() else torch.float32
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _computes_bf16() -> bool:
    """Whether the GPU itself computes in bf16: older ones emulate it, slower than fp32."""
    return bool(torch.cuda.is_bf16_supported(including_emulation=False))


def add_lora(model: PreTrainedModel, settings: LoraSettings, *, seed: int) -> PeftModel:
    """Freezes the model and puts fresh adapters on it: A random from `seed`, B zero (peft's own start)."""
    torch.manual_seed(seed)
    config = lora_config(model, settings)
    try:
        with warnings.catch_warnings():  # peft sets fan_in_fan_out for GPT-2 itself, and says so
            warnings.filterwarnings("ignore", message=".*fan_in_fan_out.*")
            adapted = get_peft_model(model, config)
    except ValueError as error:
        raise UnsuitableModel(
            f"No adapter fits this model ({error}): try target_modules 'all-linear'."
        ) from error
    assert isinstance(adapted, PeftModel)
    return adapted


def lora_config(model: PreTrainedModel, settings: LoraSettings) -> LoraConfig:
    """The settings in peft's words."""
    return LoraConfig(
        r=settings.r,
        lora_alpha=settings.alpha,  # type: ignore[arg-type]  # peft multiplies with it: a float is as good
        lora_dropout=settings.dropout,
        target_modules=_targets(model, settings),
        task_type="CAUSAL_LM",
    )


def _targets(model: PreTrainedModel, settings: LoraSettings) -> list[str] | str | None:
    if settings.target_modules == "all-linear":
        return "all-linear"
    if settings.target_modules == "default":
        return None if model.config.model_type in KNOWN_TARGETS else "all-linear"
    return list(settings.target_modules)


def load_adapter(
    model: PreTrainedModel, folder: str | Path, *, trainable: LoraSettings | None = None
) -> PeftModel:
    """The base with a saved adapter on it. To train it further, the whole configuration asked for must be the
    adapter's own, or UnsuitableModel names each setting that differs.
    """
    asked = None if trainable is None else lora_config(model, trainable)
    wanted = set() if asked is None else targeted(model, asked.target_modules)
    adapted = PeftModel.from_pretrained(model, str(folder), is_trainable=asked is not None)
    if asked is not None:
        require_same(adapted, asked, wanted)
    return adapted


def save(
    model: nn.Module,
    folder: Path,
    *,
    base_name: str,
    revision: str | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
) -> None:
    """Writes an adapter in peft's own format, or a whole model; what `from_pretrained` of either loads
    unchanged.

    `base_name`, with its `revision` on a hub, is written as the adapter's base, in place of a path of this
    machine. The tokenizer stands beside either, with the chat template that it has.
    """
    if isinstance(model, PeftModel):
        # The embeddings are never trained here; asking peft to find that out would ask the hub.
        model.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # peft's template of a model card, with a local path
        config = json.loads((folder / "adapter_config.json").read_text())
        config |= {"base_model_name_or_path": base_name, "revision": revision}
        if isinstance(config["target_modules"], list):  # of a set: in another order in another process
            config["target_modules"].sort()
        (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True))
    else:
        assert isinstance(model, PreTrainedModel)
        for name, value in getattr(model, _DROPOUTS, {}).items():
            setattr(model.config, name, value)
        model.save_pretrained(str(folder))
    if tokenizer is not None:
        tokenizer.save_pretrained(str(folder))


def parameter_counts(model: nn.Module) -> tuple[int, int]:
    """(all parameters, trainable parameters)."""
    return (
        sum(parameter.numel() for parameter in model.parameters()),
        sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad),
    )
