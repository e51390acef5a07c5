"""The modules of a sentence-transformers model behind its transformer, as torch computes them.

Pooling turns token states (texts × tokens × d) under a mask (texts × tokens, 1 for a token) into a row a
text; what follows turns rows into rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from services.metrics.problems import Unmeasurable
from services.metrics.semantic.sentence_layout import Layout, file_of, inside, read_json

ROW = "sentence_embedding"
"""What modules call the row of a text."""


def _first(states: Tensor, mask: Tensor) -> Tensor:
    return states[torch.arange(len(states)), mask.argmax(dim=1)]


def _max(states: Tensor, mask: Tensor) -> Tensor:
    return states.masked_fill(mask[..., None] == 0, -torch.inf).amax(dim=1)


def _mean(states: Tensor, mask: Tensor) -> Tensor:
    return _sum(states, mask) / mask.sum(dim=1, keepdim=True).clamp(min=1e-9)


def _mean_sqrt_len(states: Tensor, mask: Tensor) -> Tensor:
    return _sum(states, mask) / mask.sum(dim=1, keepdim=True).clamp(min=1e-9).sqrt()


def _weighted_mean(states: Tensor, mask: Tensor) -> Tensor:
    """Weights 1, 2, 3, … from a text's first token on."""
    places = torch.arange(1, mask.shape[1] + 1, device=mask.device) - mask.argmax(dim=1, keepdim=True)
    return _mean(states, mask * places)


def _last(states: Tensor, mask: Tensor) -> Tensor:
    return states[torch.arange(len(states)), mask.shape[1] - 1 - mask.flip(1).argmax(dim=1)]


def _sum(states: Tensor, mask: Tensor) -> Tensor:
    return (states * mask[..., None]).sum(dim=1)


POOLS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": _first,
    "max": _max,
    "mean": _mean,
    "mean_sqrt_len_tokens": _mean_sqrt_len,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}


def later_modules(layout: Layout) -> list[nn.Module]:
    """What comes behind the pooling, in order. Raises Unmeasurable for weights that are not there."""
    made: list[nn.Module] = []
    for kind, folder in layout.later:
        config = read_json(layout.source, inside(folder, "config.json")) or {}
        if kind == "Dense":
            made.append(_dense(layout.source, folder, config))
        elif kind == "LayerNorm":
            made.append(nn.LayerNorm(config["dimension"]))
            made[-1].load_state_dict(weights_of(layout.source, folder, "norm."))
        elif kind == "Normalize":
            made.append(_Normalize())
    return made


def weights_of(source: str, folder: str, prefix: str = "") -> dict[str, Tensor]:
    """A module's weights whose names begin with the prefix, without it; plain tensors only."""
    if (found := file_of(source, inside(folder, "model.safetensors"))) is not None:
        weights = load_file(found)
    elif (found := file_of(source, inside(folder, "pytorch_model.bin"))) is not None:
        weights = torch.load(found, map_location="cpu", weights_only=True)
    else:
        raise Unmeasurable(
            "unloadable_embedding", f"{source} has no weights in {folder!r}.", field="embedding"
        )
    return {name.removeprefix(prefix): w.float() for name, w in weights.items() if name.startswith(prefix)}


class _Normalize(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return nn.functional.normalize(rows, dim=-1)


def _dense(source: str, folder: str, config: Mapping[str, Any]) -> nn.Module:
    """activation(W x + b) of the pooled row; the activation is one of torch's own."""
    name = str(config.get("activation_function", "torch.nn.modules.activation.Tanh"))
    activation = getattr(nn, name.rpartition(".")[2], None) if name.startswith("torch.nn.") else None
    plain = config.get("module_input_name", ROW) == config.get("module_output_name", ROW) == ROW
    if not (isinstance(activation, type) and issubclass(activation, nn.Module) and plain) or config.get(
        "use_residual"
    ):
        raise Unmeasurable(
            "unknown_module",
            f"{source} has a Dense module in {folder!r} with options that are not implemented.",
            field="embedding",
        )
    linear = nn.Linear(config["in_features"], config["out_features"], bias=config.get("bias", True))
    linear.load_state_dict(weights_of(source, folder, "linear."))
    return nn.Sequential(linear, activation())
