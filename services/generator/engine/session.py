"""One attempt's way to the models: router, journal, ledger, and the running of stages on them.

Everything of a job that must be opened and closed is opened and closed here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Self

from services.generator.calls.call import Model
from services.generator.calls.journal import Journal
from services.generator.calls.ledger import Ledger, Price
from services.generator.calls.parts import MemoryParts, Parts
from services.generator.engine.asking import Asker
from services.generator.engine.line import Result
from services.generator.engine.record import StageRecord
from services.generator.engine.stage import Stage
from services.generator.engine.stream import Stream
from services.generator.sources.lane import Lane
from services.generator.sources.router import PATIENCE_SECONDS, Router


@dataclass(frozen=True)
class Places:
    """Where an attempt keeps what it must not lose. `writer` names the attempt; it must hold no `-`."""

    calls: Parts
    records: Parts
    writer: str
    archives: Sequence[Parts] = ()

    @classmethod
    def nowhere(cls) -> Places:
        """For previews."""
        return cls(MemoryParts(), MemoryParts(), "preview")


@dataclass(slots=True)
class Status:
    """What a session is doing, for whoever reports it. `paused` is the reason why nothing moves ("": it
    does)."""

    paused: str = ""
    note: str = ""
    stages: dict[str, StageRecord] = field(default_factory=dict)
    wanted: dict[str, int] = field(default_factory=dict)


class Session:
    """Open as an async context manager; `run` stages, one after another or several as one stream.

    `tick` is called after every round of decisions and about twice a second while nothing comes; what it
    raises ends the stage, its state kept.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        places: Places,
        *,
        prices: dict[str, Price] | None = None,
        tick: Callable[[Session], None] = lambda session: None,
        patience: float = PATIENCE_SECONDS,
        keep_thoughts: bool = False,
    ) -> None:
        self.ledger = Ledger(prices)
        self.status = Status()
        self._places = places
        self._tick = tick
        self._router = Router(lanes, self.ledger, on_pause=self._paused, patience=patience)
        self._journal = Journal(
            places.calls,
            places.writer,
            self.ledger,
            archives=places.archives,
            in_flight=lambda: self._router.in_flight,
        )
        self.ask = Asker(self._journal, self._router, keep_thoughts=keep_thoughts)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._router)
        await self._stack.enter_async_context(self._journal)
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self._stack.__aexit__(*exc)

    async def run(self, stage: Stage) -> tuple[Result, StageRecord]:
        """Run a stage to its end, from where an earlier attempt left it."""
        [ended] = await self.run_all([stage])
        return ended

    async def run_all(self, stages: Iterable[Stage]) -> list[tuple[Result, StageRecord]]:
        """Run stages as one stream of calls. When a stage ends with fewer rows than wanted, those after it
        are not run: its result is then the last one in the list."""
        stream = Stream(
            stages,
            self._opened,
            self.ask,
            capacity=lambda: self._router.capacity,
            tick=lambda: self._tick(self),
        )
        return await stream.run()

    async def _opened(self, stage: Stage) -> StageRecord:
        record = StageRecord(self._places.records, stage, self._places.writer, self.ask.take_prompt)
        await record.resume()
        self.status.stages[stage.name] = record
        self.status.wanted[stage.name] = stage.wanted
        return record

    def fitted(self) -> dict[str, list[str]]:
        """How calls were fitted to their servers, by source: as it was stated, and as it was learnt."""
        told = {lane.name: lane.client.fit.told() for lane in self._router.lanes}
        return {name: changes for name, changes in told.items() if changes}

    @property
    def in_flight(self) -> int:
        return self._router.in_flight

    def _paused(self, reason: str) -> None:
        self.status.paused = reason


def call_scope(models: Sequence[Model], seed: int, operation: str) -> str:
    """The folder that journals share whose calls could be equal: same models, same seed, same operation."""
    names = "\x00".join([operation, str(seed), *sorted(map(str, models))])
    return blake2b(names.encode(), digest_size=16).hexdigest()
