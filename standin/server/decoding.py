"""Writes one batch of sequences, token by token, over a `transformers` model and its cache.

`model.generate` would do, but it carries every finished row to the end of the longest: dropping them makes a
batch of 64 stories two to three times as fast, with the same texts.
"""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import DynamicCache

from standin.server.sampling import RowSampler
from standin.server.sequence import Sequence

COMPACT_BELOW = 0.85
"""Drop finished rows when a smaller share of the batch than this still writes: copying the cache costs."""


class Decoding:
    """A batch under way. Rows are padded on the left: every row's newest token is in the last column."""

    def __init__(self, model: Any, rows: list[Sequence], pad_id: int) -> None:
        self._model = model
        self._rows = rows
        width = max(len(row.prompt_ids) for row in rows)
        pads = [width - len(row.prompt_ids) for row in rows]
        self._ids = torch.tensor(
            [[pad_id] * pad + row.prompt_ids for pad, row in zip(pads, rows, strict=True)]
        )
        self._mask = torch.tensor([[0] * pad + [1] * (width - pad) for pad in pads])
        self._positions = (self._mask.cumsum(dim=1) - 1).clamp(min=0)
        self._cache = DynamicCache(config=model.config)
        self._sampler = RowSampler(rows)

    def writing(self) -> list[Sequence]:
        """The rows that have not ended."""
        return [row for row in self._rows if row.finish_reason is None]

    @torch.inference_mode()
    def step(self, tokenizer: Tokenizer, end_id: int) -> list[Sequence]:
        """Give each row that still writes its next token; return those rows."""
        logits = self._model(
            input_ids=self._ids,
            attention_mask=self._mask,
            position_ids=self._positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        changed = self.writing()
        tokens = self._sampler.pick(logits)
        for row, token in zip(self._rows, tokens.tolist(), strict=True):
            if row.finish_reason is None:
                row.accept(token, tokenizer, end_id)
        self._mask = torch.cat([self._mask, torch.ones_like(self._mask[:, :1])], dim=1)
        self._positions = self._positions[:, -1:] + 1
        self._ids = tokens.unsqueeze(1)
        self._compact()
        return changed

    def _compact(self) -> None:
        kept = [index for index, row in enumerate(self._rows) if row.finish_reason is None]
        if not kept or len(kept) >= COMPACT_BELOW * len(self._rows):
            return
        indices = torch.tensor(kept)
        self._cache.batch_select_indices(indices)
        self._mask, self._positions, self._ids = (
            t[indices] for t in (self._mask, self._positions, self._ids)
        )
        self._rows = [self._rows[index] for index in kept]
        self._sampler = self._sampler.of_rows(kept)
