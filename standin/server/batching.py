"""Dynamic batching: waiting sequences are gathered for a few milliseconds and written together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Protocol

from standin.server.errors import QueueFull, RequestRefused, ShuttingDown
from standin.server.sequence import Sequence


class Generates(Protocol):
    """What the batcher needs of an engine."""

    def generate(self, rows: list[Sequence], after_step: Callable[[list[Sequence]], None]) -> None: ...


class Ticket:
    """One request's sequences on their way through the queue; changes arrive on the event loop."""

    def __init__(self, rows: list[Sequence]) -> None:
        self.rows = rows
        self.error: Exception | None = None
        self._changed = asyncio.Event()

    def notify(self) -> None:
        self._changed.set()

    async def changes(self) -> AsyncIterator[None]:
        """One item per change until every sequence has ended; raises what ended the batch early."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            done = all(row.finish_reason for row in self.rows)
            if self.error:
                raise self.error
            yield
            if done:
                return

    async def finished(self) -> list[Sequence]:
        async for _ in self.changes():
            pass
        return self.rows

    def abort(self) -> None:
        for row in self.rows:
            row.abort()


class Batcher:
    """A bounded queue of sequences in front of one engine thread.

    A batch runs until its longest sequence ends; who comes meanwhile waits. `max_waiting` bounds the
    sequences that wait, not those being written; a request that does not fit whole is refused with 429.
    """

    def __init__(self, engine: Generates, max_batch: int, max_waiting: int, gather_seconds: float) -> None:
        self._engine = engine
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._gather = gather_seconds
        self._waiting: list[tuple[Sequence, Ticket]] = []
        self._arrived = asyncio.Event()
        self._running: list[tuple[Sequence, Ticket]] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._aborted = 0

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._work(), name="batcher")

    async def close(self) -> None:
        """End what is being written at its next token, refuse what waits, stop."""
        self._closed = True
        for _, ticket in self._running + self._waiting:
            self._fail(ticket, ShuttingDown("the server is shutting down; ask again later"))
        if self._task:
            self._arrived.set()
            with suppress(asyncio.CancelledError):
                await self._task

    def load(self) -> dict[str, int]:
        """Sequences that wait, that are being written, and that were given up because their reader left."""
        waiting, running = (
            sum(row.finish_reason is None for row, _ in rows) for rows in (self._waiting, self._running)
        )
        return {"waiting": waiting, "running": running, "aborted": self._aborted}

    def submit(self, rows: list[Sequence]) -> Ticket:
        """Queue a request's sequences. Raises `QueueFull`, or `RequestRefused` when they could never fit."""
        if self._closed:
            raise ShuttingDown("the server is shutting down; ask again later")
        if len(rows) > self._max_waiting:
            raise RequestRefused(
                f"{len(rows)} sequences in one request; this server takes {self._max_waiting}", "n"
            )
        waiting = self.load()["waiting"]
        if len(rows) + waiting > self._max_waiting:
            raise QueueFull(f"{waiting} sequences are waiting already; ask again in a moment")
        ticket = Ticket(rows)
        self._waiting += [(row, ticket) for row in rows]
        self._arrived.set()
        return ticket

    def give_up(self, ticket: Ticket) -> None:
        """Nobody waits for these texts any more: they end at their next token, or stay finished."""
        self._aborted += sum(row.finish_reason is None for row in ticket.rows)
        ticket.abort()
        ticket.notify()

    async def _work(self) -> None:
        while not self._closed:
            await self._arrived.wait()
            if len(self._waiting) < self._max_batch:
                await asyncio.sleep(self._gather)
            self._running = self._take()
            if self._running:
                await self._run([row for row, _ in self._running], dict(self._running))
            self._running = []

    def _take(self) -> list[tuple[Sequence, Ticket]]:
        live = [(row, ticket) for row, ticket in self._waiting if row.finish_reason is None]
        self._waiting = live[self._max_batch :]
        if not self._waiting:
            self._arrived.clear()
        return live[: self._max_batch]

    async def _run(self, rows: list[Sequence], tickets: dict[Sequence, Ticket]) -> None:
        loop = asyncio.get_running_loop()

        def after_step(changed: list[Sequence]) -> None:
            heard = {tickets[row] for row in changed if row.finish_reason or row.streamed}
            if heard:
                loop.call_soon_threadsafe(_notify, heard)

        try:
            await asyncio.to_thread(self._engine.generate, rows, after_step)
        except Exception as error:  # whatever it is, they who wait hear of it
            for ticket in tickets.values():
                self._fail(ticket, error)

    @staticmethod
    def _fail(ticket: Ticket, error: Exception) -> None:
        ticket.error = error
        ticket.abort()
        ticket.notify()


def _notify(tickets: set[Ticket]) -> None:
    for ticket in tickets:
        ticket.notify()
