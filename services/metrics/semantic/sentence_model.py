"""Embeddings by any text model in the sentence-transformers layout, through transformers alone.

This module and `sentence_modules` alone of this service import torch: they belong to the optional extra
`embeddings`. Every architecture that transformers has (of those that decode too, what encodes), every pooling
mode, Dense and LayerNorm modules, static embeddings and default prompts are as sentence-transformers computes
them; rows are scaled to length 1 whether or not the model asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, chain
from typing import Any, Protocol

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from services.metrics.problems import Unmeasurable
from services.metrics.semantic.sentence_layout import Layout, file_of, inside, read_layout
from services.metrics.semantic.sentence_modules import POOLS, later_modules, weights_of
from services.metrics.semantic.vectors import Vectors, unit_rows

BATCH_TOKENS = 4096
"""Tokens (padding included) in a batch. Texts are sorted by length first, so that padding is little."""
UNTOLD = 512
"""Tokens of a text where neither the model nor its tokeniser says how many it takes."""
ENCODERS = {
    "t5": "T5EncoderModel",
    "mt5": "MT5EncoderModel",
    "umt5": "UMT5EncoderModel",
    "longt5": "LongT5EncoderModel",
}
"""Models that decode too, and what encodes alone."""


class _Encoder(Protocol):
    """Texts to rows, before what comes behind the pooling."""

    dimensions: int

    @property
    def description(self) -> Mapping[str, str | int]: ...

    def rows(self, texts: Sequence[str]) -> Tensor: ...


class SentenceModel:
    """A loaded model. `source` is a folder or a hub id; weights come from safetensors or plain tensors only.

    bfloat16 halves the work where the processor multiplies it natively, and moves cosines by up to about
    0.01: so it is asked for, never chosen by itself. Raises Unmeasurable when the model cannot be loaded
    or its layout has a module that is not implemented.
    """

    def __init__(self, name: str, source: str, *, precision: str = "float32") -> None:
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self._name, self._precision = name, precision
        self._device = device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            layout = read_layout(source)
            static = layout.encoder == "StaticEmbedding"
            self._encoder: _Encoder = _Static(layout) if static else _Transformer(layout, precision, device)
            self._later = nn.Sequential(*later_modules(layout)).eval().to(device)
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            if isinstance(error, Unmeasurable):
                raise
            why = (str(error) or type(error).__name__).splitlines()[0]
            raise Unmeasurable(
                "unloadable_embedding", f"The embedding {name!r} cannot be loaded: {why}", field="embedding"
            ) from error
        with torch.inference_mode():
            self._dimensions = self._later(torch.zeros(1, self._encoder.dimensions, device=device)).shape[1]
        self._prompt = layout.prompt

    @property
    def description(self) -> Mapping[str, str | int | float | bool]:
        return {
            "embedding": self._name,
            "dimensions": self._dimensions,
            "precision": self._precision,
            **self._encoder.description,
            **({"prompt": self._prompt} if self._prompt else {}),
        }

    @torch.inference_mode()
    def embed(self, texts: Sequence[str]) -> Vectors:
        """float32 unit rows. Longer texts are cut at the model's limit (`most_tokens`)."""
        if not texts:
            return np.zeros((0, self._dimensions), np.float32)
        rows = self._later(self._encoder.rows([self._prompt + text for text in texts]).to(self._device))
        return unit_rows(np.asarray(rows.cpu().numpy(), np.float32))


class _Transformer:
    """Token states of a transformer, pooled."""

    def __init__(self, layout: Layout, precision: str, device: str) -> None:
        folder = {"subfolder": layout.folder} if layout.folder else {}
        config = AutoConfig.from_pretrained(layout.source, **folder)
        loader: Any = getattr(transformers, ENCODERS.get(config.model_type, ""), AutoModel)
        self._layout = layout
        self._tokenizer = AutoTokenizer.from_pretrained(layout.source, **folder)
        self._model = loader.from_pretrained(layout.source, dtype=getattr(torch, precision), **folder)
        self._model.eval().to(device)
        self.dimensions = int(self._model.config.hidden_size) * len(layout.pooling)
        self._prompt_tokens = 0 if layout.pools_prompt or not layout.prompt else self._length_of_prompt()

    @property
    def description(self) -> Mapping[str, str | int]:
        return {
            "pooling": "+".join(self._layout.pooling),
            "most_tokens": self._most_tokens(),
            "revision": str(getattr(self._model.config, "_commit_hash", None) or "local"),
        }

    def rows(self, texts: Sequence[str]) -> Tensor:
        encoded = self._encoded(texts)
        order = sorted(range(len(texts)), key=lambda row: len(encoded["input_ids"][row]))
        rows = [
            self._batch({name: [column[row] for row in batch] for name, column in encoded.items()})
            for batch in batches(order, encoded["input_ids"])
        ]
        return torch.cat(rows)[torch.tensor(order).argsort()]

    def _encoded(self, texts: Sequence[str]) -> dict[str, list[list[int]]]:
        prepared = [text.lower() if self._layout.lower_case else text for text in texts]
        return dict(self._tokenizer(prepared, truncation=True, max_length=self._most_tokens()))

    def _batch(self, encoded: dict[str, list[list[int]]]) -> Tensor:
        padded = self._tokenizer.pad(encoded, return_tensors="pt").to(self._model.device)
        states = self._model(**padded).last_hidden_state.float()
        mask = padded["attention_mask"].float()
        if self._prompt_tokens:
            mask *= mask.cumsum(dim=1) > self._prompt_tokens
        return torch.cat([POOLS[mode](states, mask) for mode in self._layout.pooling], dim=1)

    def _length_of_prompt(self) -> int:
        """Tokens of the prompt, without what the tokeniser puts behind a text."""
        (tokens,) = self._encoded([self._layout.prompt])["input_ids"]
        return len(tokens) - (tokens[-1] in self._tokenizer.all_special_ids)

    def _most_tokens(self) -> int:
        """The least of what the layout, the model's positions and the tokeniser allow."""
        positions = int(getattr(self._model.config, "max_position_embeddings", None) or 0)
        table: Any = getattr(getattr(self._model, "embeddings", None), "position_embeddings", None)
        if getattr(table, "padding_idx", None) is not None:  # RoBERTa's, MPNet's: they begin behind it
            positions -= table.padding_idx + 1
        told = (self._layout.most_tokens or 0, positions, int(self._tokenizer.model_max_length))
        return min((most for most in told if 0 < most < 10**9), default=UNTOLD)


class _Static:
    """The mean of a table's rows of a text's tokens, in no context."""

    def __init__(self, layout: Layout) -> None:
        tokenizer = file_of(layout.source, inside(layout.folder, "tokenizer.json"))
        if tokenizer is None:
            raise ValueError(f"{layout.source} has no tokenizer.json")
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        weights = weights_of(layout.source, layout.folder)
        table = weights.get("embedding.weight", weights.get("embeddings"))
        if table is None or weights.keys() & {"mapping", "weights"}:
            raise ValueError(f"{layout.source} has a quantised vocabulary, which is not implemented")
        self._table = nn.EmbeddingBag.from_pretrained(table)
        self.dimensions = int(self._table.embedding_dim)

    @property
    def description(self) -> Mapping[str, str | int]:
        return {"pooling": "static"}

    def rows(self, texts: Sequence[str]) -> Tensor:
        found = [one.ids for one in self._tokenizer.encode_batch(list(texts), add_special_tokens=False)]
        starts = torch.tensor([0, *accumulate(len(ids) for ids in found[:-1])])
        rows: Tensor = self._table(torch.tensor(list(chain.from_iterable(found)), dtype=torch.long), starts)
        return rows


def batches(order: Sequence[int], ids: Sequence[Sequence[int]]) -> list[list[int]]:
    """Rows of similar length together, as many as BATCH_TOKENS hold once padded. `order` is by length."""
    made: list[list[int]] = []
    for row in order:
        if not made or (len(made[-1]) + 1) * max(1, len(ids[row])) > BATCH_TOKENS:
            made.append([])
        made[-1].append(row)
    return made
