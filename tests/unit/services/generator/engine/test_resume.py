"""Resuming reads what is needed to go on, and none of what is finished."""

from __future__ import annotations

import pytest

from services.generator.calls import journal as journal_module
from services.generator.calls.call import Answer, Call
from services.generator.calls.journal import Journal
from services.generator.calls.ledger import Ledger
from services.generator.calls.parts import MemoryParts
from services.generator.engine.record import StageRecord
from services.generator.engine.stage import Draft, Stage
from services.generator.engine.stream import Stream
from tests.unit.services.generator.engine.test_stream import Numbers, opening

FINISHED = 5_000


class Read(MemoryParts):
    """Remembers what was read of it."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    async def get(self, name: str) -> bytes:
        self.read.append(name)
        return await super().get(name)


async def finish(parts: MemoryParts, stage: Stage) -> None:
    """What a killed attempt leaves after `FINISHED` rows."""
    record = StageRecord(parts, stage, "1")
    async with Journal(parts, "1", Ledger()) as journal:
        for number in range(FINISHED):
            answer = Answer(f"text {number}", "stop", 1, 1, "s")
            journal.append(number.to_bytes(16, "big"), answer)
            record.accept(Draft({"n": number}, answer.text, {}), number)
            record.progress.decided += 1
            if number % 500 == 499:
                await journal.flush()
                await record.commit()


async def test_the_next_call_goes_out_before_any_finished_row_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(journal_module, "PACK_ANSWERS", 500)
    parts, stage = Read(), Numbers(FINISHED + 3)
    await finish(parts, stage)
    parts.read.clear()
    asked: list[tuple[int, list[str]]] = []

    async def ask(call: Call) -> Answer:
        asked.append((call.seed, list(parts.read)))
        return Answer("new", "stop", 1, 1, "s")

    async with Journal(parts, "2", Ledger()) as journal:
        [(result, _)] = await Stream([stage], opening(parts, "2"), ask, capacity=lambda: 4).run()
        assert len(journal._recent) == 0, "old answers are in memory by their keys alone"
    assert result.accepted == FINISHED + 3
    assert [number for number, _ in asked] == [FINISHED, FINISHED + 1, FINISHED + 2]
    first = asked[0][1]
    assert len(first) <= FINISHED // 500 + 2
    assert all(name.endswith(".keys") or name.startswith(("ledger", "checkpoint")) for name in first)
