"""A budget is a ceiling at any concurrency and in any order of answers, and all of it can be used."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.generator.budget import Overspent, Spending
from services.generator.calls import Answer, Call, Model, Params
from services.generator.engine.asking import Ask, Pay
from services.generator.engine.stage import Draft, Reject, Sample
from services.generator.engine.stream import Stream
from services.generator.ledger import Ledger, Price
from services.generator.paid import PaidStage
from services.generator.parts import MemoryParts
from shared.contracts.instruments import Budget
from tests.unit.services.generator.engine.test_stream import opening

PRICE = Price(Decimal(2), Decimal(10))
MOST_OUT = 50


class Source:
    """Answers when it likes, as long as it likes, and writes down what it is owed."""

    def __init__(self, seed: int, template_tokens: int = 10) -> None:
        self.ledger = Ledger({"s": PRICE})
        self.rng = random.Random(seed)
        self.template_tokens = template_tokens
        self.worst = Decimal(0)

    async def issue(self, call: Call) -> Answer:
        for _ in range(self.rng.randrange(8)):
            await asyncio.sleep(0)
        assert isinstance(call.prompt, str)
        tokens_in = self.rng.randint(1, len(call.prompt)) + self.template_tokens
        answer = Answer("x", "stop", tokens_in, self.rng.randint(1, MOST_OUT), "s")
        self.ledger.answered(answer)
        return answer

    async def ask(self, call: Call, pay: Pay | None = None) -> Answer:
        assert pay is not None
        return await pay(call, self.issue)

    @property
    def calls(self) -> int:
        return self.ledger.account("s").answered

    @property
    def tokens(self) -> int:
        account = self.ledger.account("s")
        return account.tokens_in + account.tokens_out


class Pairs(PaidStage):
    """Two calls for each row."""

    name = "pairs"
    calls_each = 2

    def __init__(self, spending: Spending, wanted: int = 10_000) -> None:
        super().__init__(spending)
        self.wanted = self.max_candidates = wanted

    async def measure(self, number: int, ask: Ask) -> Sequence[Draft | Reject]:
        for part in ("first", "second"):
            await ask(Call(Model("m"), f"{part} of {number}", Params(max_tokens=MOST_OUT), number))
        return [Draft({"n": number}, "", {})]

    def outline(self, samples: int) -> Sequence[Sample]:
        return []


async def run(source: Source, concurrency: int, wanted: int = 10_000, **budget: Any) -> tuple[int, str]:
    spending = Spending(Budget(**budget), source.ledger, PRICE, len)
    stage = Pairs(spending, wanted)
    stream = Stream([stage], opening(MemoryParts()), source.ask, capacity=lambda: concurrency)
    [(result, record)] = await asyncio.wait_for(stream.run(), 30)
    assert [row["n"] async for row in record.rows()] == list(range(result.accepted))
    assert not record.progress.refused, "everything that was paid for counts"
    assert spending.holders == 0
    return result.accepted, spending.spent


@settings(max_examples=30)
@given(st.integers(1, 1_000), st.integers(1, 256), st.integers())
async def test_no_more_calls_than_allowed_and_none_in_vain(calls: int, concurrency: int, seed: int) -> None:
    source = Source(seed)
    rows, spent = await run(source, concurrency, calls=calls)
    assert (rows, source.calls) == (calls // 2, 2 * (calls // 2))
    assert f"the budget of {calls:g} calls" in spent


@settings(max_examples=50)
@given(st.integers(1, 20_000), st.integers(1, 256), st.integers())
async def test_no_more_tokens_than_allowed(tokens: int, concurrency: int, seed: int) -> None:
    source = Source(seed)
    rows, spent = await run(source, concurrency, tokens=tokens)
    assert source.tokens <= tokens
    assert source.calls == 2 * rows
    assert f"the budget of {tokens:g} tokens" in spent
    one_pair = 2 * (len("second of 9999") + 64 + MOST_OUT)
    assert source.tokens > tokens - one_pair, "what is left would not have paid for another"


@settings(max_examples=30)
@given(st.integers(1, 256), st.integers())
async def test_no_more_money_than_allowed(concurrency: int, seed: int) -> None:
    source = Source(seed)
    await run(source, concurrency, money=0.05)
    [spent] = source.ledger.money().values()
    assert Decimal("0.045") < spent <= Decimal("0.05")


async def test_a_budget_that_suffices_stops_nothing() -> None:
    source = Source(1)
    assert await run(source, 64, wanted=500, calls=1_000, tokens=10**6, money=100.0) == (500, "")


async def test_what_earlier_attempts_spent_is_spent() -> None:
    source = Source(1)
    account = {"issued": 90, "answered": 80, "reused": 0, "tokens_in": 1, "tokens_out": 1, "failed": {}}
    source.ledger.carry([{"accounts": {"s": account}, "in_flight": 10}])
    rows, _ = await run(source, 16, calls=100)
    assert rows == 5, "80 are answered, and 10 may have been"


async def test_a_template_that_adds_much_is_learnt() -> None:
    source = Source(1, template_tokens=500)
    spending = Spending(Budget(tokens=10_000), source.ledger, PRICE, len)
    call = Call(Model("m"), "Why?", Params(max_tokens=MOST_OUT), 1)
    assert spending.most(call).tokens == 4 + 64 + MOST_OUT
    await spending.singly(source.ask)(call)
    assert spending.most(call).tokens >= 500 + MOST_OUT


async def test_a_call_dearer_than_the_budget_is_refused_at_once() -> None:
    source = Source(1)
    spending = Spending(Budget(tokens=100), source.ledger, PRICE, len)
    call = Call(Model("m"), "Why?" * 20, Params(max_tokens=MOST_OUT), 1)
    with pytest.raises(Overspent, match=r"the rest of the budget of 100 tokens \(0 are spent\)"):
        await spending.singly(source.ask)(call)
    assert source.calls == 0
