"""What a measurement may spend, held against the ledger."""

from __future__ import annotations

from dataclasses import dataclass

from services.generator.ledger import Ledger
from shared.contracts.instruments import Budget


@dataclass(frozen=True)
class Spending:
    """`spent` says which limit is reached ("" while none is). Answers of earlier attempts count; reused
    ones, which cost nothing, do not."""

    budget: Budget
    ledger: Ledger

    def spent(self) -> str:
        accounts = self.ledger.totals().values()
        calls = sum(account.answered for account in accounts)
        tokens = sum(account.tokens_in + account.tokens_out for account in accounts)
        money = sum(float(amount) for amount in self.ledger.money().values())
        limits = (("calls", calls, self.budget.calls), ("tokens", tokens, self.budget.tokens))
        for name, used, limit in (*limits, ("money", money, self.budget.money)):
            if limit is not None and used >= limit:
                return f"the budget of {limit:g} {name} is spent"
        return ""
