"""The journal: what was answered is found again, whenever the process died."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.generator.calls import journal as journal_module
from services.generator.calls.call import Answer
from services.generator.calls.journal import Journal
from services.generator.calls.ledger import Ledger
from services.generator.calls.parts import MemoryParts, Parts, StoreParts
from shared.store.local import LocalStore


def key(number: int) -> bytes:
    return number.to_bytes(16, "big") if number % 2 else (number << 96).to_bytes(16, "big")


def answer(number: int) -> Answer:
    return Answer(
        f"text {number}\n“with lines”", "stop", 10, 5, "s", {"A": -0.5} if number % 3 == 0 else None
    )


class Stops(MemoryParts):
    """Parts of a process that is killed after so many puts: later ones never happen."""

    def __init__(self, puts: int) -> None:
        super().__init__()
        self.left = puts

    async def put(self, name: str, data: bytes) -> None:
        if self.left <= 0:
            raise ConnectionError("the process is gone")
        self.left -= 1
        await super().put(name, data)


async def write(
    parts: Parts,
    writer: str,
    numbers: range,
    ledger: Ledger | None = None,
    durable: list[int] | None = None,
) -> None:
    """Appends answers one by one; `durable` are the numbers whose flush came back."""
    durable = [] if durable is None else durable
    async with Journal(parts, writer, ledger or Ledger()) as journal:
        for number in numbers:
            journal.append(key(number), answer(number))
            await journal.flush()
            durable.append(number)


@pytest.fixture(params=["memory", "store"])
def parts(request: pytest.FixtureRequest, tmp_path: Path) -> Parts:
    return MemoryParts() if request.param == "memory" else StoreParts(LocalStore(tmp_path), "calls/x/own")


async def test_answers_are_found_again_in_every_later_attempt(parts: Parts) -> None:
    await write(parts, "000001", range(150))
    await write(parts, "000002", range(150, 200))
    async with Journal(parts, "000003", Ledger()) as journal:
        for number in range(200):
            found = await journal.find(key(number))
            assert found is not None
            assert (found.text, found.top_logprobs) == (answer(number).text, answer(number).top_logprobs)
            assert found.key == key(number)
        assert await journal.find(key(999)) is None


@pytest.mark.parametrize("puts", range(1, 80, 7))
async def test_a_kill_at_any_put_loses_nothing_that_was_flushed(puts: int) -> None:
    parts = Stops(puts)
    durable: list[int] = []
    with pytest.raises(ConnectionError):
        await write(parts, "000001", range(200), durable=durable)
    parts.left = 10**6
    async with Journal(parts, "000002", Ledger()) as journal:
        for number in durable:
            assert await journal.find(key(number)) is not None


async def test_tails_are_packed_and_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "PACK_TAILS", 8)
    parts = MemoryParts()
    await write(parts, "000001", range(50))
    names = await parts.names()
    assert not [name for name in names if name.startswith("tail-")]
    packs = [name for name in names if name.endswith(".keys")]
    assert sum([len(await parts.get(name)) // 16 for name in packs]) == 50


async def test_archives_are_read_and_never_written() -> None:
    old, own = MemoryParts(), MemoryParts()
    await write(old, "000001", range(10))
    before = await old.names()
    async with Journal(own, "000001", Ledger(), archives=[old]) as journal:
        found = await journal.find(key(4))
        assert found is not None
        assert found.text == answer(4).text
        journal.append(key(77), answer(77))
    assert await old.names() == before
    assert await own.names() != []


async def test_the_ledger_survives_with_the_answers() -> None:
    parts, first = MemoryParts(), Ledger()
    first.account("s").issued = 3
    first.answered(answer(1))
    await write(parts, "000001", range(3), first)
    again = Ledger()
    async with Journal(parts, "000002", again):
        assert again.totals()["s"].issued == 3
    third = Ledger()
    async with Journal(parts, "000003", third):
        assert third.totals()["s"].issued == 3, "and is counted once"
