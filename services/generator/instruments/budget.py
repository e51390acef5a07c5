"""What a measurement may spend: a ceiling that no call goes through, however many are under way.

Before a call is issued, the most that it can cost is set aside: the tokens of its prompt and `max_tokens`, at
the source's price. Its answer says what it did cost, and the rest is given back. A call that does not fit
waits for that; only when nothing under way could make room for it is the budget spent. What a candidate with
several calls may need is set aside with its first, so that no half of one is paid for in vain.

A prompt's tokens are counted with the source's tokenizer where it is registered, else taken to be its bytes
(no tokenizer makes more); a schema may be shown to the model too. What a chat template adds is known from the
first answer: until it is there, one candidate is out at a time, with room for `UNSEEN_TEMPLATE_TOKENS`. An
answer without the server's counts costs what was set aside for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Self

from services.generator.calls.call import Answer, Call
from services.generator.calls.ledger import Ledger, Price
from services.generator.engine.asking import Ask, Issue, Pay
from services.generator.engine.stage import CallBounds
from shared.contracts.instruments import Budget

UNSEEN_TEMPLATE_TOKENS = 4_096
"""Templates that bring a system prompt of their own add some hundreds."""
TEMPLATE_SLACK = 64
"""What one template may add to a prompt beside what it added to another."""
UNSEEN = (
    f" ({UNSEEN_TEMPLATE_TOKENS:,} tokens are set aside for the chat template until a first answer shows "
    "what it adds)"
)


def within_budget(bounds: CallBounds, budget: Budget, calls_each: int) -> CallBounds:
    """What a budget leaves of a measurement's calls, whose candidates make `calls_each` of them at most. It
    ends where the next candidate might need more than is left: fewer than that many may stay unspent. How few
    calls a budget of tokens or money pays for is not known before they are answered."""
    if budget.calls is None:
        most, surely = bounds.most, bounds.fewest
    else:
        most, surely = min(bounds.most, budget.calls), max(0, budget.calls - calls_each + 1)
    if budget.tokens is not None or budget.money is not None:
        surely = 0
    return CallBounds(min(bounds.fewest, surely), most)


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


@dataclass(frozen=True, slots=True)
class Size:
    """Tokens of a call: those of its prompt's text and of its schema, and the most that are written."""

    text: int
    schema: int
    out: int


class BudgetKeeper:
    """`count` counts a text's tokens (`exact`), or says how many they can be at most. Answers of earlier
    attempts count, and calls that an attempt was killed with; reused answers, which cost nothing, do not."""

    def __init__(
        self,
        budget: Budget,
        ledger: Ledger,
        price: Price,
        count: Callable[[str], int],
        *,
        exact: bool = False,
    ) -> None:
        self._limits = {name: limit for name, limit in budget.model_dump().items() if limit is not None}
        self._ledger = ledger
        self._price = price
        self._count = count
        self._exact = exact
        self._template_tokens = TEMPLATE_SLACK
        self.template_seen = self._limits.keys() <= {"calls"}
        """Whether it is known what the template adds, or does not matter."""
        self._one_at_a_time = not self.template_seen
        self._set_aside = Cost()
        self._waiting: deque[tuple[Callable[[], Cost], asyncio.Future[Cost]]] = deque()
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

    def size(self, call: Call) -> Size:
        texts = [call.prompt] if isinstance(call.prompt, str) else [m.content for m in call.prompt]
        return Size(
            sum(map(self._count, texts)), self._count(call.params.schema or ""), call.params.max_tokens
        )

    def needed(self, size: Size, calls: int) -> Cost:
        """What `calls` of that size can cost at most, as far as it is known what the template adds."""
        each = size.text + size.schema + self._template_tokens
        unseen = 0 if self.template_seen else UNSEEN_TEMPLATE_TOKENS
        tokens_in, tokens_out = calls * each + unseen, calls * size.out
        return Cost(calls, tokens_in + tokens_out, self._price.of(tokens_in, tokens_out))

    def learn(self, size: Size, answer: Answer) -> None:
        """What the template adds, from what the server counted. Where the text's tokens are only bounded, all
        that it counted may be the template's: the shortest prompt tells most."""
        added = UNSEEN_TEMPLATE_TOKENS
        if answer.tokens_in:
            added = answer.tokens_in - (size.text if self._exact else 0) + TEMPLATE_SLACK
        known = min(self._template_tokens, added) if self.template_seen else added
        self._template_tokens = max(known, answer.tokens_in - size.text, TEMPLATE_SLACK)
        self.template_seen = True

    async def take(self, needed: Callable[[], Cost], *, first: bool) -> Cost:
        """Set aside what is needed; where it does not fit, wait for what others give back. Who has begun goes
        before those who have not. Raises `Overspent`."""
        if first and self.spent:
            raise Overspent(self.spent)
        turn: asyncio.Future[Cost] = asyncio.get_running_loop().create_future()
        (self._waiting.append if first else self._waiting.appendleft)((needed, turn))
        self._look_again()
        return await turn

    def give_back(self, cost: Cost) -> None:
        self._set_aside -= cost
        self._look_again()

    def leave(self, held: Cost, *, begun: bool) -> None:
        """A candidate is done. The others follow whoever saw the template only now, for it may have needed
        more than was set aside."""
        self.holders -= begun
        self._one_at_a_time = not self.template_seen
        self.give_back(held)

    def _look_again(self) -> None:
        """Let in those who are next and fit; refuse the next when nobody could make room for him."""
        while self._waiting and not (self._one_at_a_time and self.holders):
            needed, turn = self._waiting[0]
            cost = needed()
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
            turn.set_result(cost)

    def _excess(self, cost: Cost) -> str:
        """Which limit the cost would break, beside what is used and set aside."""
        used, bound = self._used(), self._set_aside + cost
        for name, limit in self._limits.items():
            already = getattr(used, name)
            if already + getattr(bound, name) > Decimal(str(limit)):
                if already >= limit:
                    return f"the budget of {limit:g} {name} is spent"
                rest = f"the rest of the budget of {limit:g} {name} ({already:g} are spent) pays for no more"
                return rest if self.template_seen or name == "calls" else rest + UNSEEN
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

    def __init__(self, spending: BudgetKeeper, ask: Ask, calls: int) -> None:
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
        self._spending.leave(self._held, begun=self._begun)

    async def __call__(self, call: Call, pay: Pay | None = None) -> Answer:
        """Raises `Overspent` too."""
        answer = await self._ask(call, self._pay)
        if not self._spending.template_seen:  # kept answers tell it too
            self._spending.learn(self._spending.size(call), answer)
        return answer

    async def _pay(self, call: Call, issue: Issue) -> Answer:
        """Issue a call for which there is no answer yet."""
        size = self._spending.size(call)
        calls = 1 if self._begun else self._calls

        def missing() -> Cost:
            return self._spending.needed(size, calls) - self._held

        while missing() != Cost():  # the template may turn out longer while others are waited for
            await self._set_aside(missing)
        most = self._spending.needed(size, 1)
        self._held -= most
        charged = Cost()
        try:
            answer = await issue(call)
            self._spending.learn(size, answer)
            charged = Cost() if answer.tokens_in else most - Cost(calls=1)
            return answer
        finally:
            self._spending.give_back(most - charged)

    async def _set_aside(self, missing: Callable[[], Cost]) -> None:
        first, self._begun = not self._begun, False
        self._spending.holders -= not first
        self._held += await self._spending.take(missing, first=first)
        self._begun = True
