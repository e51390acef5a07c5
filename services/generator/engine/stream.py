"""The stream: candidates out as fast as the sources take them, decisions in the order of their numbers.

Deciding in order is what makes a run repeatable: which of two near-duplicates stays, and which rows are the
first N, does not depend on which server was faster. It costs nothing in rate, because what waits to be
decided is a buffer and not a barrier: as long as undecided candidates might still be refused, no more are
issued than could be needed (nothing is paid for and thrown away), and a freed place is refilled at once.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.generator.engine.asking import Ask
from services.generator.engine.record import Record
from services.generator.engine.stage import Draft, Refusal, Reject, Stage
from services.generator.sources.errors import SourceError

COMMIT_SECONDS = 5.0
COMMIT_DECISIONS = 20_000
GLANCE_SECONDS = 0.5
SURPLUS_SECONDS = 60.0
AHEAD = 1.1
"""Calls under way, in multiples of what the sources take at once: a few wait, so that no place stays
empty."""
AHEAD_WITH_PREFIXES = 4.0
"""The same where calls wait for the leader of their prefix."""
BUFFER = 8.0
"""Candidates begun and not yet decided, in the same multiples: one slow answer must not stop the others."""

Outcome = Sequence[Draft | Reject]


@dataclass(frozen=True, slots=True)
class Result:
    """How a stage ended: `short` says why it has fewer rows than wanted ("" when it has them all)."""

    accepted: int
    candidates: int
    short: str = ""


class Stream:
    """Runs one stage to exactly `wanted` rows.

    `capacity` tells how many calls the sources take at once; `tick` is called after every round of decisions
    with the stage's record: it reports progress, and raises to stop the job.
    """

    def __init__(
        self,
        stage: Stage,
        record: Record,
        ask: Ask,
        *,
        capacity: Callable[[], int],
        tick: Callable[[Record], None] = lambda record: None,
    ) -> None:
        self._stage = stage
        self._record = record
        self._ask = ask
        self._capacity = capacity
        self._tick = tick
        self._ready: dict[int, Outcome] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None
        self._server_said = ""
        self._finishing = False
        self._ahead = AHEAD_WITH_PREFIXES if stage.shares_prefixes else AHEAD

    async def run(self) -> Result:
        self._loop = asyncio.get_running_loop()
        self._next = self._record.progress.decided
        self._committed_at = self._loop.time()
        try:
            while not self._finished():
                self._issue()
                await self._news()
                self._decide()
                self._tick(self._record)
                await self._commit_if_due()
            self._finishing = True
            await self._keep_surplus()
        finally:
            self._finishing = True
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._record.commit()
        return self._result()

    def _finished(self) -> bool:
        return self._complete() or self._record.progress.decided >= self._stage.max_candidates

    def _complete(self) -> bool:
        return self._record.progress.accepted >= self._stage.wanted or bool(self._stage.enough())

    def _issue(self) -> None:
        """Start as many candidates as could be needed and as the sources and the buffer allow."""
        stage, progress = self._stage, self._record.progress
        undecided = self._next - progress.decided
        missing = stage.wanted - progress.accepted
        if stage.rows_each > 1:
            missing = math.ceil(missing / self._rows_each())
        places = (self._capacity() or 1) / stage.calls_at_once
        room = min(
            missing - undecided,
            int(places * self._ahead) + 2 - len(self._tasks),
            int(places * BUFFER) + 1 - undecided,
            stage.max_candidates - self._next,
        )
        if stage.lookback:
            room = min(room, stage.lookback - undecided)
        for _ in range(room):
            task = self._loop.create_task(self._make(self._next, self._history(self._next)))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
            self._next += 1

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A place is free: fill it at once, whether or not the candidate could be decided yet."""
        self._tasks.discard(task)
        if not self._finishing:
            self._issue()

    def _rows_each(self) -> float:
        """Rows that a candidate brings: as announced at first, then as observed."""
        progress = self._record.progress
        return max(1.0, progress.accepted / progress.decided) if progress.decided else self._stage.rows_each

    def _history(self, number: int) -> int:
        """Rows accepted when candidate `number` − lookback was decided."""
        lookback, history = self._stage.lookback, self._record.progress.history
        if not lookback or number < lookback:
            return 0
        oldest = self._record.progress.decided - len(history)
        return history[number - lookback - oldest]

    async def _make(self, number: int, history: int) -> None:
        try:
            self._ready[number] = await self._stage.candidate(number, self._ask, history)
        except SourceError as error:
            self._ready[number] = [Reject(Refusal.SOURCE_REFUSED, str(error))]
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._failure = self._failure or error
            self._changed.set()
            return
        if number == self._record.progress.decided:
            self._changed.set()

    async def _news(self) -> None:
        """Wait until the next candidate in line is there; now and then look up anyway, to notice a stop."""
        if self._record.progress.decided not in self._ready and self._failure is None:
            self._changed.clear()
            glance = self._loop.call_later(GLANCE_SECONDS, self._changed.set)
            await self._changed.wait()
            glance.cancel()
        if self._failure is not None:
            raise self._failure

    def _decide(self) -> None:
        """Judge every candidate that is next in line."""
        progress = self._record.progress
        while not self._finished() and progress.decided in self._ready:
            number = progress.decided
            for outcome in self._ready.pop(number):
                self._judge(outcome, number)
            progress.decided += 1
            if self._stage.lookback:
                progress.history = [*progress.history[-(self._stage.lookback - 1) :], progress.accepted]

    def _judge(self, outcome: Draft | Reject, number: int) -> None:
        if isinstance(outcome, Reject):
            if outcome.reason is Refusal.SOURCE_REFUSED:
                self._server_said = outcome.detail
            self._record.reject(outcome, number)
            return
        refused = self._stage.judge(outcome)
        if refused is None and self._complete():
            refused = Reject(Refusal.SURPLUS, "enough rows were there already", outcome.text, outcome.origin)
        if refused is not None:
            self._record.reject(refused, number)
            return
        self._stage.accepted(outcome)
        self._record.accept(outcome, number)

    async def _keep_surplus(self) -> None:
        """Candidates that were under way when the last row came: paid for, so kept, as rejects. A source
        that has died meanwhile is not waited for."""
        end = self._loop.time() + SURPLUS_SECONDS
        while self._tasks and (left := end - self._loop.time()) > 0:
            await asyncio.wait(self._tasks, timeout=min(left, GLANCE_SECONDS))
            self._tick(self._record)
        for number in sorted(self._ready):
            for outcome in self._ready[number]:
                self._judge(outcome, number)

    async def _commit_if_due(self) -> None:
        due = self._loop.time() - self._committed_at >= COMMIT_SECONDS
        if self._record.uncommitted and (due or self._record.uncommitted >= COMMIT_DECISIONS):
            await self._record.commit()
            self._committed_at = self._loop.time()

    def _result(self) -> Result:
        progress = self._record.progress
        short = ""
        if not self._complete():
            reasons = ", ".join(f"{count} {reason}" for reason, count in progress.refused.most_common())
            short = (
                f"{self._stage.name}: {progress.accepted} of {self._stage.wanted} rows after "
                f"{progress.decided} candidates (the limit is {self._stage.max_candidates}); refused: "
                f"{reasons or 'none'}. Raise max_candidates, or loosen what refuses most."
            )
            if self._server_said:
                short += f" The last refusal by a source: {self._server_said}"
        return Result(progress.accepted, progress.decided, short)
