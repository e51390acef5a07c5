"""What a measurement may spend: a ceiling that no call goes through, however many are under way.

Before a call is issued, the most that it can cost is set aside: the tokens of its prompt and `max_tokens`, at
the source's price. Its answer says what it did cost, and the rest is given back. A call that does not fit
waits for that; only when nothing under way could make room for it is the budget spent. What a candidate with
several calls may need is set aside with its first, so that no half of one is paid for in vain.

A prompt's tokens are counted with the source's tokenizer where it is registered, else taken to be its bytes
(no tokenizer makes more); what a chat template adds, to be `TEMPLATE_TOKENS`, or the most that was seen.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Self

from services.generator.calls import Answer, Call
from services.generator.engine.asking import Ask, Issue, Pay
from services.generator.ledger import Ledger, Price
from shared.contracts.instruments import Budget

TEMPLATE_TOKENS = 64


class Overspent(Exception):
    """What is left of the budget does not pay for the call."""


@dataclass(frozen=True, slots=True)
class Cost:
    calls: int = 0
    tokens: int = 0
    money: Decimal = Decimal(0)

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.calls + other.calls, self.tokens + other.tokens, self.money + other.money)

    def __sub__(self, other: Cost) -> Cost:
        """What is missing where `other` is there: nothing below 0."""
        return Cost(
            max(0, self.calls - other.calls),
            max(0, self.tokens - other.tokens),
            max(Decimal(0), self.money - other.money),
        )

    def times(self, count: int) -> Cost:
        return Cost(self.calls * count, self.tokens * count, self.money * count)


class Spending:
    """`count` counts a text's tokens, or says how many they can be at most. Answers of earlier attempts
    count, and calls that an attempt was killed with; reused answers, which cost nothing, do not."""

    def __init__(self, budget: Budget, ledger: Ledger, price: Price, count: Callable[[str], int]) -> None:
        self._limits = {name: limit for name, limit in budget.model_dump().items() if limit is not None}
        self._ledger = ledger
        self._price = price
        self._count = count
        self._template_tokens = TEMPLATE_TOKENS
        self._set_aside = Cost()
        self._waiting: deque[tuple[Cost, asyncio.Future[None]]] = deque()
        self.holders = 0
        """Candidates that have set something aside and wait for no more: they will give some of it back."""
        self.spent = ""
        """Why no more candidates are paid for, once one was refused."""

    def allowance(self, ask: Ask, calls: int) -> Allowance:
        """`ask` for one candidate, which makes so many calls at most."""
        return Allowance(self, ask, calls)

    def singly(self, ask: Ask) -> Ask:
        """`ask` for calls that belong to no candidate."""

        async def paid(call: Call, pay: Pay | None = None) -> Answer:
            with self.allowance(ask, 1) as allowance:
                return await allowance(call)

        return paid

    def most(self, call: Call) -> Cost:
        """What the call can cost at most."""
        tokens_in = self._text_tokens(call) + self._template_tokens
        tokens_out = call.params.max_tokens
        return Cost(1, tokens_in + tokens_out, self._price.of(tokens_in, tokens_out))

    def learn(self, call: Call, answer: Answer) -> None:
        self._template_tokens = max(self._template_tokens, answer.tokens_in - self._text_tokens(call))

    def _text_tokens(self, call: Call) -> int:
        texts = [call.prompt] if isinstance(call.prompt, str) else [m.content for m in call.prompt]
        return sum(map(self._count, texts))

    async def take(self, cost: Cost, *, first: bool) -> None:
        """Set so much aside; where it does not fit, wait for what others give back. Who has begun goes before
        those who have not. Raises `Overspent`."""
        if first and self.spent:
            raise Overspent(self.spent)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        (self._waiting.append if first else self._waiting.appendleft)((cost, turn))
        self._look_again()
        await turn

    def give_back(self, cost: Cost) -> None:
        self._set_aside -= cost
        self._look_again()

    def _look_again(self) -> None:
        """Let in those who are next and fit; refuse the next when nobody could make room for him."""
        while self._waiting:
            cost, turn = self._waiting[0]
            excess = "" if turn.done() else self._excess(cost)
            if excess and self.holders:
                return
            self._waiting.popleft()
            if turn.done():
                continue
            if excess:
                self.spent = self.spent or excess
                turn.set_exception(Overspent(excess))
                return  # he gives back what he has: then the next is looked at
            self._set_aside += cost
            self.holders += 1
            turn.set_result(None)

    def _excess(self, cost: Cost) -> str:
        """Which limit the cost would break, beside what is used and set aside."""
        used, bound = self._used(), self._set_aside + cost
        for name, limit in self._limits.items():
            already = getattr(used, name)
            if already + getattr(bound, name) > Decimal(str(limit)):
                if already >= limit:
                    return f"the budget of {limit:g} {name} is spent"
                return f"the rest of the budget of {limit:g} {name} ({already:g} are spent) pays for no more"
        return ""

    def _used(self) -> Cost:
        accounts = self._ledger.totals().values()
        return Cost(
            sum(account.answered for account in accounts) + self._ledger.unknown_in_flight,
            sum(account.tokens_in + account.tokens_out for account in accounts),
            sum(self._ledger.money().values(), Decimal(0)),
        )


class Allowance:
    """The `Ask` of one candidate, one call after another; a context manager, at whose end what was set aside
    and not needed is given back."""

    def __init__(self, spending: Spending, ask: Ask, calls: int) -> None:
        self._spending = spending
        self._ask = ask
        self._calls = calls
        self._held = Cost()
        self._begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._spending.holders -= self._begun
        self._spending.give_back(self._held)

    async def __call__(self, call: Call, pay: Pay | None = None) -> Answer:
        """Raises `Overspent` too."""
        return await self._ask(call, self._pay)

    async def _pay(self, call: Call, issue: Issue) -> Answer:
        """Issue a call for which there is no answer yet."""
        most = self._spending.most(call)
        missing = most.times(1 if self._begun else self._calls) - self._held
        if missing != Cost():
            await self._set_aside(missing)
        self._held -= most
        try:
            answer = await issue(call)
            self._spending.learn(call, answer)
            return answer
        finally:
            self._spending.give_back(most)

    async def _set_aside(self, cost: Cost) -> None:
        first, self._begun = not self._begun, False
        self._spending.holders -= not first
        await self._spending.take(cost, first=first)
        self._held += cost
        self._begun = True
