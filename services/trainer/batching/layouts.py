"""The attention that a layout of rows needs, and whether a model gives its own numbers with it.

What a model's class and config tell is known before anything runs; what they do not tell shows on a few
tokens, once for each loaded model: packed and shared rows must come out as the same rows alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

from services.trainer.attention import packed
from services.trainer.batching import batches
from services.trainer.data.examples import Example
from services.trainer.errors import NotCompiled, NotPackable
from services.trainer.loop import loss
from shared.contracts.training.fields import Batching

PACKED_LAYERS = {"full_attention", "sliding_attention"}
"""Of a config's `layer_types`; recurrences, convolutions and chunks would run on from row to row."""
TELLS_NO_WINDOW = {"blt", "doge", "moshi", "phimoe", "qwen2_moe"}
"""Model types whose attention is not told the window that their masks have."""
TOLERATED = {torch.float32: 1e-3, torch.float64: 1e-6}
TOLERATED_IN_HALF = 0.1
"""Relative difference of hidden states. Half precision rounds much; a row that sees another is far off."""
_TRIED = "gamut_packs"


def use_batching(model: nn.Module, batching: Batching) -> None:
    """Gives the model the attention that this layout needs. Raises NotPackable for what its config tells."""
    base = loss.base_of(model)
    if batching == "padded":
        base.set_attn_implementation("sdpa" if base._supports_sdpa else "eager")
        return
    if not base._supports_attention_backend:
        raise NotPackable(type(base).__name__, "has no exchangeable attention")
    odd = set(getattr(base.config.get_text_config(), "layer_types", None) or ()) - PACKED_LAYERS
    if odd:
        raise NotPackable(type(base).__name__, f"has layers of {', '.join(sorted(odd))}")
    base.set_attn_implementation(packed.NAME)


def require_length(config: Any, longest: int) -> None:
    """Raises NotPackable when rows of so many tokens would not come out as alone: they exceed a window that
    the model keeps to itself, or the longest row of a pass bends the positions of the others.
    """
    text, name = config.get_text_config(), config.model_type
    window = getattr(text, "sliding_window", None)
    if name in TELLS_NO_WINDOW and window and longest > window:
        raise NotPackable(name, f"has a sliding window of {window}, and rows of {longest} tokens")
    for kind, limit in _bent_beyond(text):
        if longest > limit:
            raise NotPackable(
                name, f"has {kind} positions beyond {limit} tokens, and rows of {longest} tokens"
            )


def _bent_beyond(text: Any) -> Iterator[tuple[str, int]]:
    """Rotary positions that are those of the longest row of a pass, and from how many tokens on."""
    given = getattr(text, "rope_parameters", None) or {}
    for rope in (given, *(value for value in given.values() if isinstance(value, dict))):
        if rope.get("rope_type") in ("dynamic", "longrope"):
            known = rope.get("original_max_position_embeddings") or text.max_position_embeddings
            yield rope["rope_type"], int(known)


@contextmanager
def laid_out(model: nn.Module, batching: Batching) -> Iterator[None]:
    """Inside, the model has the attention this layout needs; afterwards what it had. Raises NotPackable,
    NotCompiled.
    """
    base = loss.base_of(model)
    before = base.config._attn_implementation
    try:
        if batching != "padded" and not getattr(base, _TRIED, False):
            _require_packing(base)
            setattr(base, _TRIED, True)
        use_batching(model, batching)
        yield
    finally:
        base.set_attn_implementation(before)


@torch.no_grad()
def _require_packing(base: Any) -> None:
    """Tries two rows of one prefix and a row beside them against each row alone."""
    name, was_training = type(base).__name__, base.training
    use_batching(base, "packed")
    nn.Module.eval(base)
    try:
        off = _difference(base)
    except torch.OutOfMemoryError:
        raise
    except TorchDynamoException as error:
        raise NotCompiled(str(getattr(error, "inner_exception", error))) from error
    except (AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
        raise NotPackable(name, f"fails on packed rows ({error})") from error
    finally:
        base.train(was_training)
    if not off <= TOLERATED.get(base.dtype, TOLERATED_IN_HALF):
        raise NotPackable(name, f"gives packed rows other values than the same rows alone ({off:.0%} off)")


def _difference(base: Any) -> float:
    """Relative difference of the rows' hidden states, packed and alone."""
    # On a GPU several blocks of the mask, so that FlexAttention is compiled once, for any number of them.
    size = 1 if base.device.type == "cpu" else packed.BLOCK // 4
    known = int(base.config.get_text_config().vocab_size)
    drawn = torch.randint(known, (10 * size,), generator=torch.Generator().manual_seed(0)).tolist()
    prefix, one, other = tuple(drawn[: 2 * size]), tuple(drawn[2 * size : 5 * size]), tuple(drawn[5 * size :])
    rows = [
        Example("one", prefix + one[:-1], one[-1:], "prefix", len(prefix)),
        Example("other", prefix + other[:-1], other[-1:], "prefix", len(prefix)),
        Example("beside", (), other),
    ]
    together = _states(base, rows, "shared_prefix")
    alone = [_states(base, [row], "padded") for row in rows]
    # The states that predict the prefix are there once.
    expected = torch.cat((alone[0], alone[1][len(prefix) - 1 :], alone[2]))
    return float((together - expected).norm() / expected.norm())


def _states(base: Any, rows: list[Example], batching: Batching) -> Tensor:
    """[predictions, width], fp32, in the batch's order."""
    use_batching(base, batching)
    hidden, _ = loss.hidden_states(base, batches.build(rows, batching, "all").to(base.device))
    return hidden.float()
