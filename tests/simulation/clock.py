"""An event loop whose clock jumps: a minute of waiting passes at once, and in the same order as it would.

Real sockets on the same loop work: what a peer has written is there to be read before anything waits, so the
clock only moves when nothing but time can happen. Work in threads takes no time by this clock.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
SETTLE_SECONDS = 0.0005
"""Real time that loopback sockets get to come forward before the clock moves."""


class _Selector(selectors.DefaultSelector):
    """Waits for no timer: moves the clock to it instead."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.in_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self.in_threads:
            return super().select(None)
        ready = super().select(0) or super().select(SETTLE_SECONDS)
        if not ready:
            self.now += timeout
        return ready


class SimulatedClockLoop(asyncio.SelectorEventLoop):
    """`time()` starts at 0 and counts simulated seconds."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts
    ) -> asyncio.Future[T]:
        work = super().run_in_executor(executor, func, *args)
        self._clock.in_threads += 1
        work.add_done_callback(self._back)
        return work

    def _back(self, work: asyncio.Future[Any]) -> None:
        self._clock.in_threads -= 1


def run_simulated(work: Coroutine[Any, Any, T]) -> T:
    """`work` to its end, however long it takes by the simulated clock."""
    with asyncio.Runner(loop_factory=SimulatedClockLoop) as runner:
        return runner.run(work)
