"""The ledger: exact money, and every restart's accounts."""

from __future__ import annotations

from decimal import Decimal

from services.generator.calls.call import Answer
from services.generator.calls.ledger import Ledger, LedgerSnapshot, Price


def answer(source: str, tokens_in: int = 1000, tokens_out: int = 500) -> Answer:
    return Answer("text", "stop", tokens_in, tokens_out, source)


def test_money_is_exact_and_by_currency() -> None:
    ledger = Ledger({"a": Price(Decimal("0.15"), Decimal("0.6")), "b": Price(Decimal(1), Decimal(2), "EUR")})
    for _ in range(3):
        ledger.answered(answer("a"))
    ledger.answered(answer("b"))
    ledger.answered(answer("free"))
    assert ledger.money() == {"USD": Decimal("0.00135"), "EUR": Decimal("0.002")}


def test_a_restart_carries_on_where_it_was_killed() -> None:
    first = Ledger({"a": Price(Decimal(1), Decimal(1))})
    first.account("a").issued = 5
    first.account("a").failed["rate_limited"] = 2
    first.answered(answer("a"))
    kept = LedgerSnapshot.model_validate_json(first.snapshot(in_flight=2).model_dump_json())
    second = Ledger({"a": Price(Decimal(1), Decimal(1))})
    second.carry([kept])
    second.answered(answer("a"))
    report = second.report()
    assert report.sources["a"].answered == 2
    assert report.sources["a"].issued == 5
    assert report.sources["a"].failed == {"rate_limited": 2}
    assert report.unknown_in_flight == 2
    assert report.money == {"USD": "0.003"}
    assert second.tokens_out() == 1000
    assert second.snapshot(0).accounts["a"].answered == 1, "a run keeps its own accounts, not the sum"
