"""The bases: tiny Llama and GPT-2 shapes with random weights, larger ones by name, or any folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

_TINY_LLAMA = {
    "model_type": "llama",
    "hidden_size": 256,
    "intermediate_size": 688,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    "vocab_size": 4096,
}
SHAPES: dict[str, dict[str, Any]] = {
    "llama": _TINY_LLAMA,
    "gpt2": {
        "model_type": "gpt2",
        "n_embd": 256,
        "n_layer": 4,
        "n_head": 4,
        "n_positions": 2048,
        "vocab_size": 4096,
    },
    "llama-narrow": {**_TINY_LLAMA, "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 2},
    "gpt2-124m": {"model_type": "gpt2", "n_positions": 2048},
    "llama-350m": {
        **_TINY_LLAMA,
        "hidden_size": 1024,
        "intermediate_size": 2816,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "num_key_value_heads": 16,
        "vocab_size": 32000,
    },
    "llama-1b": {
        **_TINY_LLAMA,
        "hidden_size": 2048,
        "intermediate_size": 8192,
        "num_hidden_layers": 16,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
}


def make(shape: str, device: str) -> PreTrainedModel:
    """The base of this name, without dropout (packed and padded rows would draw it differently)."""
    torch.manual_seed(0)
    named = shape in SHAPES
    config = AutoConfig.for_model(**SHAPES[shape]) if named else AutoConfig.from_pretrained(str(Path(shape)))
    for name in ("resid_pdrop", "embd_pdrop", "attn_pdrop", "attention_dropout"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    with torch.device(device):  # a billion random weights take a CPU's one thread 10 s and more
        model: Any = (
            AutoModelForCausalLM.from_config(config, dtype=dtype)
            if named
            else AutoModelForCausalLM.from_pretrained(shape, config=config, dtype=dtype)
        )
    model.config.use_cache = False
    return model.to(device).eval()
