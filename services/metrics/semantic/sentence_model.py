"""Embeddings by any model in the sentence-transformers layout, through transformers alone.

The only module of this service that imports torch: it belongs to the optional extra `embeddings`. The
layout is a folder (or hub repository) with `modules.json` naming a Transformer, a Pooling and perhaps a
Normalize module; a plain transformers folder works too, with mean pooling. Rows are scaled to length 1
whether or not the model asks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging
from transformers.utils.hub import cached_file

from services.metrics.problems import Unmeasurable
from services.metrics.semantic.vectors import Vectors, unit_rows

BATCH_TOKENS = 4096
"""Tokens (padding included) in a batch. Texts are sorted by length first, so padding is little."""
Pool = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

_POOLS: dict[str, Pool] = {
    "pooling_mode_cls_token": lambda states, mask: states[:, 0],
    "pooling_mode_max_tokens": lambda states, mask: states.masked_fill(mask[..., None] == 0, -torch.inf).amax(
        dim=1
    ),
    "pooling_mode_mean_tokens": lambda states, mask: _sum(states, mask) / mask.sum(dim=1, keepdim=True),
    "pooling_mode_mean_sqrt_len_tokens": lambda states, mask: (
        _sum(states, mask) / mask.sum(dim=1, keepdim=True).sqrt()
    ),
    "pooling_mode_lasttoken": lambda states, mask: states[torch.arange(len(states)), _last(mask)],
}


@dataclass(frozen=True)
class Layout:
    """What the model's folder says: where the transformer lies, and how its token states become one row."""

    transformer: str
    pooling: tuple[str, ...]
    most_tokens: int | None
    lower_case: bool
    prompt: str


class SentenceModel:
    """A loaded model. `source` is a folder or a hub id; weights come from safetensors or plain tensors only.

    bfloat16 halves the work where the processor multiplies it natively, and moves cosines by up to about
    0.01: so it is asked for, never chosen by itself. Raises Unmeasurable when the model cannot be loaded
    or its layout has a module that is not implemented.
    """

    def __init__(self, name: str, source: str, *, precision: str = "float32") -> None:
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._name = name
        self._precision = precision
        self._layout = read_layout(source)
        folder = {"subfolder": self._layout.transformer} if self._layout.transformer else {}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(source, **folder)
            self._model = AutoModel.from_pretrained(source, dtype=getattr(torch, precision), **folder)
        except (OSError, ValueError) as error:
            why = str(error).splitlines()[0]
            raise Unmeasurable(
                "unloadable_embedding", f"The embedding {name!r} cannot be loaded: {why}", field="embedding"
            ) from error
        self._model.eval().to("cuda" if torch.cuda.is_available() else "cpu")

    @property
    def description(self) -> Mapping[str, str | int | float | bool]:
        return {
            "embedding": self._name,
            "dimensions": int(self._model.config.hidden_size) * len(self._layout.pooling),
            "pooling": "+".join(mode.removeprefix("pooling_mode_") for mode in self._layout.pooling),
            "most_tokens": self._most_tokens(),
            "precision": self._precision,
            "revision": str(getattr(self._model.config, "_commit_hash", None) or "local"),
        }

    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 unit rows. Longer texts are cut at the model's limit (`most_tokens`)."""
        if not texts:
            return np.zeros((0, int(self.description["dimensions"])), np.float32)
        prepared = [
            self._layout.prompt + (text.lower() if self._layout.lower_case else text) for text in texts
        ]
        ids = self._tokenizer(prepared, truncation=True, max_length=self._most_tokens())["input_ids"]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        rows = np.concatenate(
            [self._embed_batch([list(ids[row]) for row in batch]) for batch in batches(order, ids)]
        )
        in_order = np.empty_like(rows)
        in_order[order] = rows
        return unit_rows(in_order)

    @torch.inference_mode()
    def _embed_batch(self, ids: list[list[int]]) -> Vectors:
        padded = self._tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self._model.device)
        states = self._model(**padded).last_hidden_state.float()
        mask = padded["attention_mask"].float()
        pooled = torch.cat([_POOLS[mode](states, mask) for mode in self._layout.pooling], dim=1)
        return np.asarray(pooled.cpu().numpy(), np.float32)

    def _most_tokens(self) -> int:
        positions = int(getattr(self._model.config, "max_position_embeddings", 512) or 512)
        return min(self._layout.most_tokens or positions, positions, int(self._tokenizer.model_max_length))


def batches(order: Sequence[int], ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """Rows of similar length together, as many as BATCH_TOKENS hold once padded. `order` is by length."""
    made: list[list[int]] = []
    for row in order:
        if not made or (len(made[-1]) + 1) * max(1, len(ids[row])) > BATCH_TOKENS:
            made.append([])
        made[-1].append(row)
    return made


def read_layout(source: str) -> Layout:
    """The layout of a folder or hub repository. Raises Unmeasurable for a module that is not implemented."""
    modules = {
        entry["type"].rpartition(".")[2]: entry["path"] for entry in _json(source, "modules.json") or []
    }
    if unknown := sorted(set(modules) - {"Transformer", "Pooling", "Normalize"}):
        raise Unmeasurable(
            "unknown_module",
            f"{source} has a {unknown[0]} module, which is not implemented.",
            field="embedding",
        )
    pooling = _json(source, f"{modules['Pooling']}/config.json") if modules.get("Pooling") else None
    limits = _json(source, "sentence_bert_config.json") or {}
    prompts = _json(source, "config_sentence_transformers.json") or {}
    return Layout(
        transformer=modules.get("Transformer", ""),
        pooling=_modes(pooling),
        most_tokens=limits.get("max_seq_length"),
        lower_case=bool(limits.get("do_lower_case", False)),
        prompt=(prompts.get("prompts") or {}).get(prompts.get("default_prompt_name") or "", ""),
    )


def _modes(pooling: dict[str, object] | None) -> tuple[str, ...]:
    if pooling is None:
        return ("pooling_mode_mean_tokens",)
    asked = tuple(mode for mode, on in pooling.items() if mode.startswith("pooling_mode_") and on)
    if isinstance(named := pooling.get("pooling_mode"), str):  # newer models name one mode
        asked = tuple(mode for mode in _POOLS if mode.startswith(f"pooling_mode_{named}"))[:1]
    if not asked or (unknown := sorted(set(asked) - set(_POOLS))):
        what = unknown[0] if asked else "none"
        raise Unmeasurable(
            "unknown_pooling", f"The pooling mode {what} is not implemented.", field="embedding"
        )
    return tuple(mode for mode in _POOLS if mode in asked)


def _json(source: str, name: str) -> Any:
    """A JSON file of the model, or None when it has none of that name."""
    found = cached_file(
        source,
        name,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return None if found is None else json.loads(Path(found).read_text())


def _sum(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (states * mask[..., None]).sum(dim=1)


def _last(mask: torch.Tensor) -> torch.Tensor:
    """The place of each row's last token, whichever side is padded."""
    return mask.shape[1] - 1 - mask.flip(1).argmax(dim=1)
