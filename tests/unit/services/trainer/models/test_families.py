"""The families of models that people train: packed and shared rows give what transformers gives for each row
alone, or are refused; nothing is silently different.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from services.trainer.batching import batches, layouts
from services.trainer.data.examples import Example
from services.trainer.errors import NotPackable, UnsuitableModel
from services.trainer.loop import loss
from services.trainer.models import loading
from shared.contracts.training.fields import Batching
from shared.contracts.training.settings import LoraSettings

SHAPE = {
    "vocab_size": 300,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
WINDOWED: dict[str, Any] = {"sliding_window": 40}
EXPERTS = {"num_local_experts": 4, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
SCALED = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
GEMMA2 = {**WINDOWED, "query_pre_attn_scalar": 8, "final_logit_softcapping": 2.0}
PACKED: dict[str, dict[str, Any]] = {
    "llama": {
        "rope_parameters": {**SCALED, "rope_theta": 1e4, "original_max_position_embeddings": 32},
    },
    "mistral": WINDOWED,
    "qwen2": {},
    "qwen3": {},
    "phi3": {"partial_rotary_factor": 0.5},
    "phi": {"partial_rotary_factor": 0.5},
    "gemma": {},
    "gemma3_text": {
        **WINDOWED,
        "query_pre_attn_scalar": 8,
        "layer_types": ["sliding_attention", "full_attention"],
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "n_inner": 48},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 16},
    "gpt_neox": {},
    "gpt_bigcode": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128, "n_inner": 48},
    "olmo2": {},
    "smollm3": {"no_rope_layers": [1, 0]},
    "granite": {"logits_scaling": 3.0, "residual_multiplier": 0.5, "attention_multiplier": 0.2},
    "cohere": {"logit_scale": 0.25, "tie_word_embeddings": True},
    "mixtral": EXPERTS,
    "qwen3_moe": EXPERTS,
    "starcoder2": WINDOWED,
    "qwen2_moe": {**WINDOWED, **EXPERTS, "use_sliding_window": True, "max_window_layers": 0},
    "gpt_oss": {**WINDOWED, **EXPERTS, "layer_types": ["sliding_attention", "full_attention"]},
}
PADDED: dict[str, tuple[dict[str, Any], str]] = {
    "gemma2": (GEMMA2, "uses softcap"),
    "bloom": ({"n_layer": 2, "n_head": 4}, "no exchangeable attention"),
    "falcon": ({"alibi": True, "head_dim": None}, "no exchangeable attention"),
    "gptj": ({"n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4}, "no exchangeable attention"),
    "lfm2": ({"layer_types": ["conv", "full_attention"]}, "layers of conv"),
}
FAMILIES = {**PACKED, **{name: changes for name, (changes, _) in PADDED.items()}}


def made(family: str, **changes: Any) -> Any:
    """A random model of this family with an adapter on every layer, none of it zero."""
    wanted = {
        name: value for name, value in {**SHAPE, **FAMILIES[family], **changes}.items() if value is not None
    }
    config = AutoConfig.for_model(family, **wanted)
    loading.silence(config)
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(config).eval()
    loading.require_causal(base)
    adapted = loading.add_lora(base, LoraSettings(r=2, target_modules="all-linear"), seed=1)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.2)
    return adapted.train()


def rows(longest: int = 34) -> list[Example]:
    """Rows of two contexts, a row without one, rows of one token to be predicted."""
    generator = torch.Generator().manual_seed(1)

    def ids(count: int) -> tuple[int, ...]:
        return tuple(torch.randint(1, 299, (count,), generator=generator).tolist())

    first, second = ids(longest - 12), ids(3)
    return [
        *(Example(f"a{n}", first + ids(1 + n), ids(1 + 4 * n), "a", len(first)) for n in range(3)),
        *(Example(f"b{n}", second + ids(n), ids(2), "b", len(second)) for n in range(2)),
        Example("c", (), ids(9)),
        Example("d", ids(1), ids(1)),
    ]


def gradient(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def transformers_own(model: Any, examples: Sequence[Example]) -> tuple[float, torch.Tensor]:
    """Summed loss on the completions, a row at a time, and its gradient; none of our code takes part."""
    model.zero_grad()
    total = 0.0
    for example in examples:
        logits = model(input_ids=torch.tensor([example.ids]), use_cache=False).logits[0]
        first = max(1, len(example.prompt))
        value = cross_entropy(logits[first - 1 : -1], torch.tensor(example.ids[first:]), reduction="sum")
        value.backward()
        total += float(value.detach())
    return total, gradient(model)


def ours(
    model: Any, examples: Sequence[Example], batching: Batching, whole_logits: int = loss.WHOLE_LOGITS
) -> tuple[float, torch.Tensor]:
    model.zero_grad()
    with layouts.laid_out(model, batching):
        value = loss.summed_loss(model, batches.build(examples, batching, "completion"), whole_logits)
        value.backward()
    return float(value.detach()), gradient(model)


def require_equal(found: tuple[float, torch.Tensor], expected: tuple[float, torch.Tensor]) -> None:
    assert found[0] == pytest.approx(expected[0], rel=1e-5)
    assert float((found[1] - expected[1]).norm() / expected[1].norm()) <= 1e-4


@pytest.mark.parametrize("family", PACKED)
def test_every_layout_is_transformers_own_rows(family: str) -> None:
    """A window of 40 tokens is no matter on rows of 34, however long the line that they are packed on."""
    model = made(family)
    expected = transformers_own(model, rows())
    for batching in ("padded", "packed", "shared_prefix"):
        require_equal(ours(model, rows(), batching), expected)


@pytest.mark.parametrize("family", PADDED)
def test_what_cannot_be_packed_says_so_and_is_padded(family: str) -> None:
    """Or is packed exactly: a later transformers may have given it an attention that can be exchanged."""
    model = made(family)
    expected = transformers_own(model, rows())
    said = None
    try:
        require_equal(ours(model, rows(), "packed"), expected)
    except NotPackable as error:
        said = error.detail
    assert said is None or re.search(f"{PADDED[family][1]}.*'padded'", said)
    require_equal(ours(model, rows(), "padded"), expected)


@pytest.mark.parametrize("window", [1, 7, 40])
@pytest.mark.parametrize("family", ["mistral", "gemma3_text", "starcoder2", "gpt_oss"])
def test_rows_beyond_the_window_are_transformers_own_too(family: str, window: int) -> None:
    model = made(family, sliding_window=window)
    long = rows(longest=100)
    expected = transformers_own(model, long)
    for batching in ("padded", "packed", "shared_prefix"):
        require_equal(ours(model, long, batching), expected)


def test_a_window_that_the_model_keeps_to_itself_is_refused() -> None:
    model = made("qwen2_moe")
    long = rows(longest=60)
    with pytest.raises(NotPackable, match="a sliding window of 40 on rows of up to 60 tokens"):
        ours(model, long, "packed")
    require_equal(ours(model, long, "padded"), transformers_own(model, long))


def test_the_plan_knows_the_longest_row() -> None:
    """The pass it traces is the largest, which need not hold the longest row: that failed in mid-training."""
    config = AutoConfig.for_model("qwen2_moe", **{**SHAPE, **FAMILIES["qwen2_moe"]})
    layouts.require_length(config, 40)
    with pytest.raises(NotPackable, match="window of 40, and rows of 41 tokens"):
        layouts.require_length(config, 41)
    layouts.require_length(AutoConfig.for_model("mistral", **{**SHAPE, **WINDOWED}), 41)


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_type": "dynamic", "factor": 4.0},
        {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [3.0] * 4, "factor": 4.0},
    ],
)
def test_positions_that_follow_the_longest_row_are_refused_beyond_their_length(rope: dict[str, Any]) -> None:
    parameters = {**rope, "rope_theta": 1e4, "original_max_position_embeddings": 40}
    model = made("llama", rope_parameters=parameters)
    require_equal(ours(model, rows(), "packed"), transformers_own(model, rows()))
    config = model.get_base_model().config
    layouts.require_length(config, 40)
    with pytest.raises(NotPackable, match=f"{rope['rope_type']} positions beyond 40 tokens.*'padded'"):
        layouts.require_length(config, 41)


def test_who_keeps_a_window_to_itself_is_known() -> None:
    """Of the installed transformers' causal models: whose code has a window, and attention without one."""
    found = set()
    for model_type in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        folder = Path(transformers.__file__).parent / "models" / model_type
        code = folder / f"modeling_{model_type}.py"
        text = code.read_text() if code.exists() else ""
        calls = re.findall(r"attention_interface\((.*?)\*\*kwargs", text, re.DOTALL)
        if calls and "sliding_window" in text and not any("sliding_window" in call for call in calls):
            found.add(model_type)
    assert found <= layouts.TELLS_NO_WINDOW


def test_a_bent_head_is_computed_in_chunks_too() -> None:
    model = made("gemma2")
    require_equal(ours(model, rows(), "padded", whole_logits=1), ours(model, rows(), "padded"))


class Leaking(nn.Module):
    """A layer that mixes each token with the one before it, whatever the rows."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.inner(x)
        return out + torch.roll(x, 1, 1)


def test_what_no_config_tells_shows_on_a_few_tokens() -> None:
    model = made("llama")
    layer = model.get_base_model().model.layers[0]
    layer.mlp = Leaking(layer.mlp)
    with pytest.raises(NotPackable, match="gives packed rows other values than the same rows alone"):
        ours(model, rows(), "packed")


def test_logits_that_are_not_the_head_s_are_refused() -> None:
    base = made("llama").get_base_model()
    forward = base.forward

    def bent(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        output.logits = output.logits**3
        return output

    base.forward = bent
    with pytest.raises(UnsuitableModel, match="changes the logits that its output head makes"):
        loading.require_causal(base)
