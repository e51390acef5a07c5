"""The stream: candidates out as fast as the sources take them, decisions in the order of their numbers.

Deciding in order is what makes a run repeatable: which of two near-duplicates stays, and which rows are the
first N, does not depend on which server was faster. It costs nothing in rate, because what waits to be
decided is a buffer and not a barrier: as long as undecided candidates might still be refused, no more are
issued than could be needed (nothing is paid for and thrown away), and a freed place is refilled at once.

Several stages (the levels of a ladder) are one stream: places that a stage cannot use go to the next one, so
that the sources stay busy from the first call of the first level to the last of the last. A stage is opened
when the ones before it begin to run out of candidates, and let go of when its last row is there: memory
holds what two of them need.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence

from services.generator.engine.asking import Ask
from services.generator.engine.line import Line, Result
from services.generator.engine.record import StageRecord
from services.generator.engine.stage import Refusal, Reject, Stage
from services.generator.sources.errors import SourceError

COMMIT_SECONDS = 5.0
COMMIT_DECISIONS = 20_000
GLANCE_SECONDS = 0.5
SURPLUS_SECONDS = 60.0
BUFFER = 8.0
"""Candidates begun and not yet decided, in multiples of what the sources take at once: one slow answer must
not stop the others. The next stage is opened when fewer than that are left to begin."""


class Stream:
    """Runs stages to exactly `wanted` rows each, the first of them first.

    `opened` gives a stage's record, taken up where an earlier run left it. `capacity` tells how many calls
    the sources take at once; `tick` is called after every round of decisions: it reports progress, and raises
    to stop the job.
    """

    def __init__(
        self,
        stages: Iterable[Stage],
        opened: Callable[[Stage], Awaitable[StageRecord]],
        ask: Ask,
        *,
        capacity: Callable[[], int],
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._unopened = deque(stages)
        self._opened = opened
        self._ask = ask
        self._capacity = capacity
        self._tick = tick
        self._lines: list[Line] = []
        self._out = self._undecided = 0
        self._ended: list[tuple[Result, StageRecord]] = []
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None
        self._finishing = False

    async def run(self) -> list[tuple[Result, StageRecord]]:
        """How each stage ended, with its record. The first that falls short is the last: those after it are
        not paid for."""
        self._loop = asyncio.get_running_loop()
        self._committed_at = self._loop.time()
        try:
            while await self._go_on():
                self._issue()
                await self._news()
                for line in self._lines:
                    line.decide()
                self._undecided = sum(line.undecided for line in self._lines)
                self._tick()
                await self._commit_if_due()
        finally:
            self._finishing = True
            await self._cancel(self._lines)
            for line in self._lines:
                await _commit(line)
        return self._ended

    async def _go_on(self) -> bool:
        """Open the next stages when it is time, let go of those that have ended; False when all is done."""
        while self._unopened and self._runs_out():
            stage = self._unopened.popleft()
            self._lines.append(Line(stage, await self._opened(stage)))
        while self._lines and (first := self._lines[0]).finished:
            if first.tasks and not all(line.finished for line in self._lines):
                return True  # its last candidates come while the others go on
            await self._close(first)
            if self._ended[-1][0].short:
                self._finishing = True
                await self._land(self._lines)
                return False
        return bool(self._lines)

    def _runs_out(self) -> bool:
        left = sum(line.wants() * line.stage.calls_at_once for line in self._lines)
        return left < BUFFER * (self._capacity() or 1)

    async def _close(self, line: Line) -> None:
        """Everything of the stage is durable, and what its filters remember is forgotten."""
        await self._land([line])
        await self._cancel([line])
        line.keep_surplus()
        await _commit(line)
        line.stage.filters = ()
        self._lines.remove(line)
        self._undecided -= line.undecided
        self._ended.append((line.result(), line.record))

    async def _land(self, lines: Sequence[Line]) -> None:
        """Wait for what is out, for it is paid for; not for a source that has died with it."""
        end = self._loop.time() + SURPLUS_SECONDS
        while (tasks := _tasks(lines)) and (left := end - self._loop.time()) > 0:
            await asyncio.wait(tasks, timeout=min(left, GLANCE_SECONDS))
            self._tick()

    @staticmethod
    async def _cancel(lines: Sequence[Line]) -> None:
        tasks = _tasks(lines)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _issue(self) -> None:
        """Start as many candidates as could be needed and as the sources and the buffer allow."""
        places = self._capacity() or 1
        for line in self._lines:
            wanted = line.wants()
            if wanted <= 0:
                continue
            room = min(
                wanted,
                int(places * line.ahead) + 2 - self._out,
                int(places * BUFFER / line.stage.calls_at_once) + 1 - self._undecided,
            )
            for _ in range(room):
                self._start(line)

    def _start(self, line: Line) -> None:
        number = line.next
        line.tasks[number] = self._loop.create_task(self._make(line, number, line.history(number)))
        line.next += 1
        self._out += 1
        self._undecided += 1

    async def _make(self, line: Line, number: int, history: int) -> None:
        """A candidate. Its place is filled as soon as it is free, whether or not it could be decided yet."""
        try:
            line.ready[number] = await line.stage.candidate(number, self._ask, history)
        except SourceError as error:
            line.ready[number] = [Reject(Refusal.SOURCE_REFUSED, str(error))]
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._failure = self._failure or error
            self._changed.set()
        finally:
            del line.tasks[number]
            self._out -= 1
        if number == line.record.progress.decided:
            self._changed.set()
        if self._failure is None and not self._finishing:
            self._issue()

    async def _news(self) -> None:
        """Wait until the next candidate of a line is there; now and then look up anyway, to notice a stop."""
        if self._failure is None and not any(line.has_news for line in self._lines):
            self._changed.clear()
            glance = self._loop.call_later(GLANCE_SECONDS, self._changed.set)
            await self._changed.wait()
            glance.cancel()
        if self._failure is not None:
            raise self._failure

    async def _commit_if_due(self) -> None:
        uncommitted = sum(line.record.uncommitted for line in self._lines)
        due = self._loop.time() - self._committed_at >= COMMIT_SECONDS
        if uncommitted and (due or uncommitted >= COMMIT_DECISIONS):
            for line in self._lines:
                await _commit(line)
            self._committed_at = self._loop.time()


async def _commit(line: Line) -> None:
    if line.record.uncommitted:
        await line.record.commit()


def _tasks(lines: Sequence[Line]) -> list[asyncio.Task[None]]:
    return [task for line in lines for task in line.tasks.values()]
