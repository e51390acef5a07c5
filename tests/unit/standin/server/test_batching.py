"""The batcher in front of an engine: who is written together, who waits, who is refused."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from standin.server.batching import Batcher
from standin.server.errors import QueueFull, RequestRefused, ShuttingDown
from standin.server.sequence import Sampling, Sequence


class SteppedEngine:
    """An engine that ends a batch's sequences when the test says so, and remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[Sequence]] = []
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Semaphore(0)
        self.failure: Exception | None = None

    def generate(self, rows: list[Sequence], after_step: Callable[[list[Sequence]], None]) -> None:
        self.batches.append(rows)
        self.entered.release()
        self.go_on.acquire()
        if self.failure:
            raise self.failure
        for row in rows:
            row.finish_reason = row.finish_reason or "stop"
        after_step(rows)

    async def is_entered(self) -> None:
        await asyncio.to_thread(self.entered.acquire)


@asynccontextmanager
async def running(engine: SteppedEngine, max_batch: int = 2, max_waiting: int = 4) -> AsyncIterator[Batcher]:
    batcher = Batcher(engine, max_batch, max_waiting, gather_seconds=0.001)
    batcher.start()
    try:
        yield batcher
    finally:
        engine.go_on.release(100)
        await batcher.close()


def rows(count: int) -> list[Sequence]:
    return [Sequence([0], Sampling(5, 1.0, 1.0, seed=0)) for _ in range(count)]


async def test_requests_share_batches_in_order() -> None:
    engine = SteppedEngine()
    async with running(engine) as batcher:
        first, second, third = rows(1), rows(1), rows(1)
        tickets = [batcher.submit(each) for each in (first, second, third)]
        engine.go_on.release(2)
        assert [await ticket.finished() for ticket in tickets] == [first, second, third]
        assert engine.batches == [first + second, third]


async def test_a_request_wider_than_a_batch_is_written_in_turns() -> None:
    engine = SteppedEngine()
    async with running(engine) as batcher:
        engine.go_on.release(2)
        wide = rows(4)
        assert await batcher.submit(wide).finished() == wide
        assert engine.batches == [wide[:2], wide[2:]]


async def test_a_full_queue_refuses_and_recovers() -> None:
    engine = SteppedEngine()
    async with running(engine) as batcher:
        writing = batcher.submit(rows(2))
        await engine.is_entered()
        waiting = batcher.submit(rows(4))
        assert batcher.load() == {"waiting": 4, "running": 2, "aborted": 0}
        with pytest.raises(QueueFull):
            batcher.submit(rows(1))
        engine.go_on.release(3)
        await asyncio.gather(writing.finished(), waiting.finished())
        assert batcher.load() == {"waiting": 0, "running": 0, "aborted": 0}


async def test_what_nobody_waits_for_leaves_the_queue() -> None:
    engine = SteppedEngine()
    async with running(engine) as batcher:
        writing = batcher.submit(rows(1))
        await engine.is_entered()
        batcher.give_up(batcher.submit(rows(4)))
        last = batcher.submit(rows(4))
        engine.go_on.release(3)
        await asyncio.gather(writing.finished(), last.finished())
        assert [len(batch) for batch in engine.batches] == [1, 2, 2]
        assert batcher.load()["aborted"] == 4


async def test_a_request_that_can_never_fit_is_refused_for_good() -> None:
    async with running(SteppedEngine()) as batcher:
        with pytest.raises(RequestRefused) as refused:
            batcher.submit(rows(5))
        assert refused.value.status == 400


async def test_a_failing_batch_fails_its_requests_and_no_others() -> None:
    engine = SteppedEngine()
    async with running(engine) as batcher:
        engine.failure = RuntimeError("out of memory")
        engine.go_on.release()
        with pytest.raises(RuntimeError, match="out of memory"):
            await batcher.submit(rows(1)).finished()
        engine.failure = None
        engine.go_on.release()
        [row] = await batcher.submit(rows(1)).finished()
        assert row.finish_reason == "stop"


async def test_closing_refuses_those_who_wait() -> None:
    engine = SteppedEngine()
    async with running(engine) as batcher:
        writing = batcher.submit(rows(2))
        await engine.is_entered()
        waiting = batcher.submit(rows(1))
        closing = asyncio.create_task(batcher.close())
        for ticket in (writing, waiting):
            with pytest.raises(ShuttingDown):
                await ticket.finished()
        engine.go_on.release()
        await closing
        with pytest.raises(ShuttingDown):
            batcher.submit(rows(1))
