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

from services.generator.calls.call import Answer, Call, Model, Params
from services.generator.calls.ledger import Ledger, LedgerSnapshot, Price
from services.generator.calls.parts import MemoryParts
from services.generator.engine.asking import Ask, Pay
from services.generator.engine.stage import Draft, Reject, Sample
from services.generator.engine.stream import Stream
from services.generator.instruments.budget import (
    TEMPLATE_SLACK,
    UNSEEN_TEMPLATE_TOKENS,
    BudgetKeeper,
    Overspent,
)
from services.generator.instruments.paid import PaidStage
from services.generator.sources.errors import Cause, SourceError
from shared.contracts.instruments import Budget
from tests.unit.services.generator.engine.test_stream import opening

PRICE = Price(Decimal(2), Decimal(10))
MOST_OUT = 50


class Source:
    """Answers when it likes, as long as it likes, and writes down what it is owed."""

    def __init__(self, seed: int, template_tokens: int = 10, *, counts: bool = True) -> None:
        self.ledger = Ledger({"s": PRICE})
        self.rng = random.Random(seed)
        self.template_tokens = template_tokens
        self.counts = counts
        self.owed = 0
        self.under_way = self.most_under_way = 0

    async def issue(self, call: Call) -> Answer:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        for _ in range(self.rng.randrange(8)):
            await asyncio.sleep(0)
        self.under_way -= 1
        assert isinstance(call.prompt, str)
        tokens_in = self.rng.randint(1, len(call.prompt)) + self.template_tokens
        tokens_out = self.rng.randint(1, MOST_OUT)
        self.owed += tokens_in + tokens_out
        usage = (tokens_in, tokens_out) if self.counts else (0, 0)
        answer = Answer("x", "stop", *usage, "s")
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

    def __init__(self, spending: BudgetKeeper, wanted: int = 10_000) -> None:
        super().__init__(spending)
        self.wanted = self.max_candidates = wanted

    async def measure(self, number: int, ask: Ask) -> Sequence[Draft | Reject]:
        for part in ("first", "second"):
            await ask(Call(Model("m"), f"{part} of {number}", Params(max_tokens=MOST_OUT), number))
        return [Draft({"n": number}, "", {})]

    def outline(self, samples: int) -> Sequence[Sample]:
        return []


async def run(source: Source, concurrency: int, wanted: int = 10_000, **budget: Any) -> tuple[int, str]:
    spending = BudgetKeeper(Budget(**budget), source.ledger, PRICE, len)
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


@settings(max_examples=100)
@given(st.integers(1, 60_000), st.integers(1, 256), st.integers(0, 4_000), st.integers())
async def test_no_more_tokens_than_allowed(tokens: int, concurrency: int, template: int, seed: int) -> None:
    """Whatever the chat template adds, and however many calls could be the first."""
    source = Source(seed, template)
    rows, spent = await run(source, concurrency, tokens=tokens)
    assert source.owed == source.tokens <= tokens
    assert source.calls == 2 * rows or (source.calls, rows) == (1, 0), "the template alone was too dear"
    assert f"the budget of {tokens:g} tokens" in spent
    prompt = len("second of 9999")
    first_pair = 2 * (prompt + TEMPLATE_SLACK + MOST_OUT) + UNSEEN_TEMPLATE_TOKENS
    one_pair = 2 * (2 * prompt + template + TEMPLATE_SLACK + MOST_OUT)
    left = tokens - source.tokens
    assert left < (one_pair if source.calls else first_pair), "what is left would not have paid for another"


@settings(max_examples=30)
@given(st.integers(1, 20_000), st.integers(1, 256), st.integers(0, 4_000), st.integers())
async def test_a_source_that_counts_nothing_passes_no_budget(
    tokens: int, concurrency: int, template: int, seed: int
) -> None:
    source = Source(seed, template, counts=False)
    await run(source, concurrency, tokens=tokens)
    assert source.owed <= tokens


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
    source.ledger.carry([LedgerSnapshot.model_validate({"accounts": {"s": account}, "in_flight": 10})])
    rows, _ = await run(source, 16, calls=100)
    assert rows == 5, "80 are answered, and 10 may have been"


async def test_a_template_is_learnt_from_the_first_answer() -> None:
    source = Source(1, template_tokens=500)
    spending = BudgetKeeper(Budget(tokens=10_000), source.ledger, PRICE, len)
    call = Call(Model("m"), "Why?", Params(max_tokens=MOST_OUT), 1)
    size = spending.size(call)
    assert spending.needed(size, 1).tokens == 4 + TEMPLATE_SLACK + UNSEEN_TEMPLATE_TOKENS + MOST_OUT
    await spending.singly(source.ask)(call)
    assert 500 + MOST_OUT <= spending.needed(size, 1).tokens <= 4 + 4 + 500 + TEMPLATE_SLACK + MOST_OUT


async def test_where_tokens_are_counted_a_long_first_prompt_hides_no_template() -> None:
    source = Source(1, template_tokens=500)
    long, short = (Call(Model("m"), text, Params(max_tokens=MOST_OUT), 1) for text in ("Why? " * 400, "?"))
    for exact in (True, False):
        spending = BudgetKeeper(Budget(tokens=10_000), source.ledger, PRICE, len, exact=exact)
        spending.learn(spending.size(long), Answer("x", "stop", 2_500, 1, "s"))
        assert spending.needed(spending.size(short), 1).tokens >= 1 + 500 + MOST_OUT


async def test_what_was_kept_tells_the_template_too() -> None:
    spending = BudgetKeeper(Budget(tokens=10_000), Ledger({"s": PRICE}), PRICE, len)

    async def kept(call: Call, pay: Pay | None = None) -> Answer:
        return Answer("x", "stop", 510, 1, "s")

    await spending.singly(kept)(Call(Model("m"), "Why?", Params(max_tokens=MOST_OUT), 1))
    assert spending.template_seen


async def test_a_first_call_that_fails_lets_the_next_one_tell() -> None:
    source = Source(1, template_tokens=500)
    failures = iter([True, True, False])

    async def ask(call: Call, pay: Pay | None = None) -> Answer:
        assert pay is not None
        return await pay(call, fails if next(failures, False) else source.issue)

    async def fails(call: Call) -> Answer:
        raise SourceError(Cause.BAD_REQUEST, "no")

    spending = BudgetKeeper(Budget(tokens=20_000), source.ledger, PRICE, len)
    calls = [Call(Model("m"), f"Why {n}?", Params(max_tokens=MOST_OUT), n) for n in range(9)]
    ended = await asyncio.gather(*map(spending.singly(ask), calls), return_exceptions=True)
    assert [type(end) for end in ended] == [SourceError] * 2 + [Answer] * 7


@pytest.mark.parametrize(("budget", "at_once"), [({"tokens": 10**6}, 16), ({"calls": 200}, 16)])
async def test_only_the_first_call_goes_alone(budget: dict[str, Any], at_once: int) -> None:
    source = Source(1)
    await run(source, 16, wanted=100, **budget)
    assert source.most_under_way >= at_once


async def test_a_call_dearer_than_the_budget_is_refused_at_once() -> None:
    source = Source(1)
    spending = BudgetKeeper(Budget(tokens=4_200), source.ledger, PRICE, len)
    call = Call(Model("m"), "Why?" * 20, Params(max_tokens=MOST_OUT), 1)
    with pytest.raises(
        Overspent, match=r"the rest of the budget of 4200 tokens .*4,096 tokens are set aside"
    ):
        await spending.singly(source.ask)(call)
    assert source.calls == 0
