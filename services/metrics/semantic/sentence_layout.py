"""What a folder (or hub repository) in the sentence-transformers layout says of its model.

`modules.json` names modules that text goes through one after another, each with a folder of its own: a
Transformer and a Pooling (or a StaticEmbedding alone), then perhaps Dense, LayerNorm and Normalize modules. A
plain transformers folder, which has no `modules.json`, is pooled by the mean, as sentence-transformers does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from services.metrics.problems import Unmeasurable

POOLING = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
"""Several together are concatenated in this order."""
_SWITCHES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""How older models switch pooling modes on; newer ones name them."""
_FIRST = ("Transformer", "StaticEmbedding")
_LATER = ("Dense", "LayerNorm", "Normalize", "Dropout")
_LIMITS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)


@dataclass(frozen=True)
class Layout:
    """`encoder` is a Transformer or a StaticEmbedding in `folder`; `later` are the modules behind the
    pooling, each with its folder. Without `pools_prompt` the prompt's tokens are seen, but not pooled."""

    source: str
    encoder: str
    folder: str
    pooling: tuple[str, ...]
    pools_prompt: bool
    later: tuple[tuple[str, str], ...]
    most_tokens: int | None
    lower_case: bool
    prompt: str


def read_layout(source: str) -> Layout:
    """The layout of a folder or hub repository. Raises Unmeasurable for a module or mode not implemented."""
    listed = read_json(source, "modules.json") or [{"type": "Transformer", "path": ""}]
    modules = [(entry["type"].rpartition(".")[2], entry["path"]) for entry in listed]
    encoder, folder = modules[0]
    pooled = [path for kind, path in modules[1:2] if kind == "Pooling"]
    later = tuple(modules[1 + len(pooled) :])
    unknown = [kind for kind in [encoder] if kind not in _FIRST] + [k for k, _ in later if k not in _LATER]
    if unknown:
        raise Unmeasurable(
            "unknown_module",
            f"{source} has a {unknown[0]} module, which is not implemented.",
            field="embedding",
        )
    pooling = read_json(source, inside(pooled[0], "config.json")) if pooled else None
    told = (read_json(source, inside(folder, name)) for name in _LIMITS)
    limits: dict[str, Any] = next(filter(None, told), {})
    prompts = read_json(source, "config_sentence_transformers.json") or {}
    return Layout(
        source=source,
        encoder=encoder,
        folder=folder,
        pooling=_modes(pooling or {}),
        pools_prompt=bool((pooling or {}).get("include_prompt", True)),
        later=later,
        most_tokens=limits.get("max_seq_length"),
        lower_case=bool(limits.get("do_lower_case", False)),
        prompt=(prompts.get("prompts") or {}).get(prompts.get("default_prompt_name") or "", ""),
    )


def read_json(source: str, name: str) -> Any:
    """A JSON file of the model, or None when it has none of that name."""
    found = file_of(source, name)
    return None if found is None else json.loads(found.read_text())


def file_of(source: str, name: str) -> Path | None:
    """A file of the model, fetched from the hub where it is not at hand; None when there is none."""
    found = cached_file(
        source,
        name,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else Path(found)


def inside(folder: str, name: str) -> str:
    """The name of a file in a module's folder."""
    return f"{folder}/{name}" if folder else name


def _modes(pooling: Mapping[str, Any]) -> tuple[str, ...]:
    """The mean where none is named or switched on."""
    named = pooling.get("pooling_mode") or [mode for switch, mode in _SWITCHES.items() if pooling.get(switch)]
    asked = [named] if isinstance(named, str) else list(named)
    switched = [key for key, on in pooling.items() if key.startswith("pooling_mode_") and on]
    unknown = [mode for mode in asked if mode not in POOLING] + [s for s in switched if s not in _SWITCHES]
    if unknown:
        raise Unmeasurable(
            "unknown_pooling", f"The pooling mode {unknown[0]} is not implemented.", field="embedding"
        )
    return tuple(asked) or ("mean",)
