"""Picks tokens for a batch so that a sequence's text depends on its own seed and on nothing else in the
batch.

Gumbel-max: argmax_v (log p_v / T + g_v), with g standard Gumbel, is a draw from softmax(log p / T). Each
row takes its noise from a generator of its own, so greedy decoding of the perturbed scores samples every
row independently, and the same seed gives the same text alone or in a crowd (to the float tolerance of
padding).
"""

from __future__ import annotations

import math
from collections.abc import Sequence as Rows

import torch

from standin.server.sequence import Sequence, TokenLogprob


class RowSampler:
    """Picks the next token of each row that still writes, and records log-probabilities where asked."""

    def __init__(self, rows: Rows[Sequence], generators: Rows[torch.Generator] | None = None) -> None:
        self._rows = rows
        self._generators = generators or [torch.Generator().manual_seed(row.sampling.seed) for row in rows]
        temperatures = torch.tensor([row.sampling.temperature or 1.0 for row in rows])
        self._inverse_temperatures = (1.0 / temperatures).unsqueeze(1)
        self._top_p = torch.tensor([row.sampling.top_p for row in rows])

    def of_rows(self, indices: Rows[int]) -> RowSampler:
        """The same sampler for some of its rows: their noise goes on where it is."""
        return RowSampler([self._rows[i] for i in indices], [self._generators[i] for i in indices])

    def pick(self, logits: torch.Tensor) -> torch.Tensor:
        """The next token of each row, [rows]; `logits` are the model's own, [rows, vocabulary].

        Rows that have ended draw nothing and get some token that means nothing.
        """
        active = [index for index, row in enumerate(self._rows) if row.finish_reason is None]
        scores = logits * self._inverse_temperatures
        self._keep_nucleus(scores, active)
        self._add_noise(scores, active)
        tokens = scores.argmax(dim=-1)
        self._record(logits, tokens, active)
        return tokens

    def _keep_nucleus(self, scaled: torch.Tensor, active: list[int]) -> None:
        """Top-p: keep the smallest set of likeliest tokens whose mass reaches p, at least one."""
        rows = [index for index in active if self._rows[index].sampling.top_p < 1]
        if not rows:
            return
        ordered, order = torch.sort(scaled[rows], dim=-1, descending=True)
        masses = torch.softmax(ordered, dim=-1)
        outside = masses.cumsum(dim=-1) - masses >= self._top_p[rows].unsqueeze(1)
        outside[:, 0] = False
        scaled[rows] = torch.empty_like(ordered).scatter_(1, order, ordered.masked_fill(outside, -torch.inf))

    def _add_noise(self, scaled: torch.Tensor, active: list[int]) -> None:
        """Add -log(-log u), u uniform and of the row's own; a greedy row gets none."""
        uniform = torch.full_like(scaled, 1 / math.e)  # whose Gumbel is 0
        for index in active:
            if self._rows[index].sampling.temperature > 0:
                uniform[index].uniform_(generator=self._generators[index])
        scaled -= uniform.log_().neg_().log_()

    def _record(self, raw: torch.Tensor, tokens: torch.Tensor, active: list[int]) -> None:
        rows = [index for index in active if self._rows[index].sampling.logprobs is not None]
        if not rows:
            return
        logprobs = torch.log_softmax(raw[rows], dim=-1)
        width = max(self._rows[index].sampling.logprobs or 0 for index in rows)
        top = torch.topk(logprobs, max(width, 1), dim=-1)
        for at, index in enumerate(rows):
            token, count = int(tokens[index]), self._rows[index].sampling.logprobs or 0
            rivals = zip(top.indices[at, :count].tolist(), top.values[at, :count].tolist(), strict=True)
            self._rows[index].logprobs.append(TokenLogprob(token, float(logprobs[at, token]), tuple(rivals)))
