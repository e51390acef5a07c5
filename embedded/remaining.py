"""How long the main job takes: the suite's own estimate before it, and, while it runs, of what is left of it.

The estimate knows what exists already, so asked again it is of what is still to be made. How fast this
machine has been so far, beside what was foreseen for that part, corrects it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from embedded.client import GatewayClient, Json, Refused

ASK_SECONDS = 45.0
"""Between two questions: each takes the services a second or two."""
TOLD_FROM = 0.15
"""Share of the job from which on its pace says something."""
PACES = (0.5, 4.0)
"""Within which a pace is believed."""


class Remaining:
    """`ask` gives the expected seconds of what is still to be made, or None where that is not known."""

    def __init__(self, ask: Callable[[], float | None], clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._worker = ThreadPoolExecutor(1, "estimate")
        self._asked: Future[float | None] | None = None
        self._began = self._at = clock()
        self.whole = self._then = ask()
        """Seconds of the whole job, as foreseen before it."""

    def seconds(self) -> float | None:
        """Left from now on; None where nothing is foreseen. Never waits for an answer."""
        if self.whole is None or self._then is None:
            return None
        now = self._clock()
        if self._asked is not None and self._asked.done():
            self._then, self._at = self._asked.result() or self._then, now
            self._asked = None
        if self._asked is None and now - self._at > ASK_SECONDS:
            self._asked = self._worker.submit(self._ask)
        return max(0.0, self._then * self._pace() - (now - self._at))

    def _pace(self) -> float:
        """Seconds that one foreseen second has taken."""
        assert self.whole is not None
        assert self._then is not None
        done = self.whole - self._then
        if done < TOLD_FROM * self.whole:
            return 1.0
        low, high = PACES
        return min(max((self._at - self._began) / done, low), high)


def expected_seconds(gateway: GatewayClient, recipe: Json) -> float | None:
    """The middle of the suite's range, as factors go; None where one of the jobs cannot be foreseen."""
    try:
        wall = gateway.post("/v1/experiments/estimate", recipe)["wall_seconds"]
    except Refused:
        return None
    return math.sqrt(max(wall["low"], 1) * max(wall["high"], 1)) if wall else None


def in_words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
