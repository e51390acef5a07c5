"""One dataset as the row operations see it: ids, and what they need to know of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal

from services.metrics.problems import Unmeasurable
from services.metrics.rows.ordering import seeded_order, stratified_order

Unit = Literal["rows", "tokens"]


@dataclass(frozen=True)
class Side:
    """Rows to choose from. `tokens` (one count per row) is needed to choose by tokens, `strata` to
    stratify."""

    ids: Sequence[str]
    tokens: Sequence[int] | None = None
    strata: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.tokens is not None and len(self.tokens) != len(self.ids):
            raise Unmeasurable(
                "tokens_mismatch", f"{len(self.ids)} rows have {len(self.tokens)} token counts."
            )

    def order(self, seed: int) -> list[str]:
        """The order of which every choice is a prefix: stratified where strata are given."""
        if self.strata is None:
            return seeded_order(self.ids, seed)
        return stratified_order(self.ids, self.strata, seed)

    def amount(self, unit: Unit) -> int:
        """How much there is, in rows or in tokens."""
        return len(self.ids) if unit == "rows" else sum(self._token_counts())

    def choose(self, amount: int, unit: Unit, seed: int) -> list[str]:
        """The prefix of the seeded order that holds `amount`: exactly, in rows; in tokens, as near as rows
        allow.

        By tokens it is the prefix whose total is nearest to `amount` (the shorter one on a tie), so it is
        off by at most half the tokens of one row; a larger amount gives a prefix at least as long. Raises
        Unmeasurable (`too_few_rows`) when there is less than `amount`.
        """
        available = self.amount(unit)
        if amount > available:
            raise Unmeasurable(
                "too_few_rows", f"{amount} {unit} were asked for and the dataset has {available}."
            )
        order = self.order(seed)
        return order[:amount] if unit == "rows" else order[: self._nearest_prefix(order, amount)]

    def amount_of(self, chosen: Sequence[str], unit: Unit) -> int:
        """How much `chosen` holds, in rows or in tokens."""
        if unit == "rows":
            return len(chosen)
        tokens = dict(zip(self.ids, self._token_counts(), strict=True))
        return sum(tokens[row] for row in chosen)

    def _nearest_prefix(self, order: Sequence[str], amount: int) -> int:
        tokens = dict(zip(self.ids, self._token_counts(), strict=True))
        totals = accumulate((tokens[row] for row in order), initial=0)
        return min(enumerate(totals), key=lambda at: (abs(at[1] - amount), at[0]))[0]

    def _token_counts(self) -> Sequence[int]:
        if self.tokens is None:
            raise Unmeasurable("no_token_counts", "Choosing by tokens needs a token count for every row.")
        return self.tokens
