"""What was asked, answered and spent, by source, through restarts.

Money is an exact decimal: prices are stated per million tokens in the source's own currency. Tokens are the
servers' own counts. Failed attempts are counted by reason; what a server charges for an answer that was cut
is not known to a client, so it is counted as a failure and never as money.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from services.generator.calls.call import Answer
from shared.contracts.base import Contract
from shared.contracts.generation.results import LedgerSummary, SourceAccount

MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Price:
    """Money per million tokens."""

    tokens_in: Decimal = Decimal(0)
    tokens_out: Decimal = Decimal(0)
    currency: str = "USD"

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        return (self.tokens_in * tokens_in + self.tokens_out * tokens_out) / MILLION


@dataclass(slots=True)
class Account:
    """One source's counts. `issued` = `answered` + the sum of `failed`, once nothing is in flight."""

    issued: int = 0
    answered: int = 0
    reused: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    def enter(self, answer: Answer) -> None:
        self.answered += 1
        self.tokens_in += answer.tokens_in
        self.tokens_out += answer.tokens_out

    def add(self, other: Account) -> None:
        self.issued += other.issued
        self.answered += other.answered
        self.reused += other.reused
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.failed.update(other.failed)

    def shown(self) -> SourceAccount:
        return SourceAccount(
            issued=self.issued,
            answered=self.answered,
            reused=self.reused,
            tokens_in=self.tokens_in,
            tokens_out=self.tokens_out,
            failed=dict(self.failed),
        )

    @classmethod
    def of(cls, shown: SourceAccount) -> Account:
        return cls(**{**shown.model_dump(), "failed": Counter(shown.failed)})


class LedgerSnapshot(Contract):
    """One run's accounts, as they are kept beside its answers."""

    accounts: dict[str, SourceAccount]
    in_flight: int


class Ledger:
    """Accounts by source name: those of earlier runs (`carry`) and this run's (`own`)."""

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = dict(prices or {})
        self.own: dict[str, Account] = {}
        self._earlier: list[dict[str, Account]] = []
        self.unknown_in_flight = 0
        """Calls that were out when an earlier run was killed: they may have been answered and charged."""

    def account(self, source: str) -> Account:
        account = self.own.get(source)
        if account is None:
            account = self.own[source] = Account()
        return account

    def answered(self, answer: Answer) -> None:
        self.account(answer.source).enter(answer)

    def carry(self, snapshots: Iterable[LedgerSnapshot]) -> None:
        """Add what earlier runs of the same job left (`snapshot` of each)."""
        for snapshot in snapshots:
            self._earlier.append({name: Account.of(shown) for name, shown in snapshot.accounts.items()})
            self.unknown_in_flight += snapshot.in_flight

    def snapshot(self, in_flight: int) -> LedgerSnapshot:
        """This run's accounts, to be kept beside its answers."""
        accounts = {name: account.shown() for name, account in self.own.items()}
        return LedgerSnapshot(accounts=accounts, in_flight=in_flight)

    def totals(self) -> dict[str, Account]:
        """All runs together, by source."""
        totals: dict[str, Account] = {}
        for accounts in [*self._earlier, self.own]:
            for name, account in accounts.items():
                totals.setdefault(name, Account()).add(account)
        return totals

    def money(self) -> dict[str, Decimal]:
        """Spent so far, by currency (sources without a price cost nothing)."""
        spent: dict[str, Decimal] = {}
        for name, account in self.totals().items():
            price = self._prices.get(name)
            if price is not None:
                cost = price.of(account.tokens_in, account.tokens_out)
                spent[price.currency] = spent.get(price.currency, Decimal(0)) + cost
        return spent

    def tokens_out(self) -> int:
        return sum(account.tokens_out for account in self.totals().values())

    def spent(self) -> dict[str, float]:
        """All runs together, by the names of an experiment's budget."""
        accounts = self.totals().values()
        return {
            "calls": sum(account.issued for account in accounts),
            "tokens": sum(account.tokens_in + account.tokens_out for account in accounts),
            "money": float(sum(self.money().values())),
        }

    def report(self) -> LedgerSummary:
        """The ledger as the artifact's summary has it."""
        return LedgerSummary(
            sources={name: account.shown() for name, account in sorted(self.totals().items())},
            money={currency: str(amount) for currency, amount in sorted(self.money().items())},
            unknown_in_flight=self.unknown_in_flight,
        )
