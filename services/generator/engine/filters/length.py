"""Refuses rows that are longer or shorter than the seeds.

W asks in the prompt that token counts match the seeds'; models do not keep to it, and lengths alone move
Distinct-n and the distance to the real data. So acceptance enforces it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import orjson

from services.generator.engine.stage import Draft, Filter, Refusal, Reject
from services.generator.strategies.parse import HIGH_QUANTILE, LOW_QUANTILE

Count = Callable[[Draft], int]
"""Tokens of a row's text."""


def length_bounds(seed_lengths: Sequence[int], slack: float) -> tuple[int, int]:
    """The shortest and the longest row that is like the seeds."""
    low, high = np.quantile(seed_lengths, [LOW_QUANTILE, HIGH_QUANTILE])
    return max(1, int(np.floor(low * (1 - min(slack, 1))))), int(np.ceil(high * (1 + slack)))


class LengthRange(Filter):
    """Between the 1 % and 99 % quantiles of the seeds' token counts, widened by `slack` (0.25 = a
    quarter)."""

    def __init__(self, seed_lengths: Sequence[int], slack: float, count: Count) -> None:
        self.low, self.high = length_bounds(seed_lengths, slack)
        self._count = count

    def judge(self, draft: Draft) -> Reject | None:
        return self.objection(self._count(draft), draft)

    def objection(self, tokens: int, draft: Draft) -> Reject | None:
        if self.low <= tokens <= self.high:
            return None
        detail = f"{tokens} tokens; {self.low} to {self.high} match the seeds"
        return Reject(Refusal.LENGTH, detail, draft.text, draft.origin)


class LengthDistribution(Filter):
    """Quotas: the seeds' quantiles make bins of equal share, and a full bin takes no more rows.

    Bins are made from the distinct quantile edges, each with the share of seeds it holds; quotas are rounded
    up, so that all together they hold at least `wanted` rows.
    """

    remembers = True

    def __init__(
        self, seed_lengths: Sequence[int], wanted: int, bins: int, slack: float, count: Count
    ) -> None:
        self._range = LengthRange(seed_lengths, slack, count)
        inner = np.unique(np.quantile(seed_lengths, np.linspace(0, 1, bins + 1)[1:-1]))
        self._edges = inner
        held = np.bincount(np.searchsorted(inner, seed_lengths, side="right"), minlength=len(inner) + 1)
        self._quota = np.ceil(held * wanted / len(seed_lengths)).astype(int)
        self._filled = np.zeros(len(self._quota), int)
        self._count = count
        self._judged = 0
        """The bin of the draft that was judged last."""

    def judge(self, draft: Draft) -> Reject | None:
        tokens = self._count(draft)
        refused = self._range.objection(tokens, draft)
        at = self._judged = int(np.searchsorted(self._edges, tokens, side="right"))
        if refused is None and self._filled[at] >= self._quota[at]:
            detail = f"{tokens} tokens: there are {self._quota[at]} rows of about this length already"
            refused = Reject(Refusal.LENGTH, detail, draft.text, draft.origin)
        return refused

    def accepted(self, draft: Draft) -> None:
        self._filled[self._judged] += 1

    def take_state(self) -> bytes:
        return orjson.dumps(self._filled.tolist())

    def load_state(self, states: Sequence[bytes]) -> None:
        if states:
            self._filled = np.array(orjson.loads(states[-1]), int)
