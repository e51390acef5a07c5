"""One source as the router sees it: its client, how many calls it may have, whether it is out, who waits."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from services.generator.calls.call import Model
from services.generator.sources.errors import PERMANENT, Cause, SourceError
from services.generator.sources.limit import Limit
from services.generator.sources.openai import Client

FAILURES_TO_OUT = 8
"""Answers that fail in a row (timeouts, cuts, 5xx) after which a source is treated as dead and probed."""
LONGEST_RETRY_AFTER = 600.0
RETURNS_TO_STAY_OUT = 4
"""Times that a source comes back from a probe only to refuse us again, before it is probed no more."""


Turns = deque["asyncio.Future[Lane | None]"]
"""Calls that wait: each gets the lane it may use, or None to look again."""


@dataclass(slots=True)
class Lane:
    """`out` is the cause for which the source takes no calls ("" when it does); `chat` the protocol in which
    it is spoken to."""

    name: str
    model: Model
    client: Client
    limit: Limit = field(default_factory=Limit)
    seconds_between: float = 0.0
    chat: bool = False
    in_flight: int = 0
    out: str = ""
    not_before: float = 0.0
    waiters: Turns = field(default_factory=deque)
    leaders: Turns = field(default_factory=deque)
    """First calls of a prefix. They wait longer than others: a prefix that is in the cache is finished
    before the next one pushes it out."""
    gated: int = 0
    """Calls that wait for their prefix's leader."""
    wake: asyncio.TimerHandle | None = None
    _failures: int = 0
    _times_out: int = 0
    _returns: int = 0
    _refused: bool = False
    _next_slot: float = 0.0

    def has_room(self, now: float) -> bool:
        return not self.out and self.in_flight < int(self.limit.value) and now >= self.not_before

    @property
    def queues(self) -> tuple[Turns, Turns]:
        return self.waiters, self.leaders

    @property
    def load(self) -> int:
        return self.in_flight + len(self.waiters) + len(self.leaders) + self.gated

    def slot_delay(self, now: float) -> float:
        """Seconds to wait so that requests keep `seconds_between` (a stated requests-per-minute limit)."""
        slot = max(now, self._next_slot)
        self._next_slot = slot + self.seconds_between
        return slot - now

    def succeeded(self, now: float, latency: float) -> None:
        self._failures = self._times_out = self._returns = 0
        self.limit.succeeded(now, latency, self.in_flight)

    def failed(self, error: SourceError, now: float) -> None:
        """Learn from a failure; afterwards `out` says whether the source has to be probed."""
        reason = error.reason
        if reason is Cause.RATE_LIMITED:
            self._failures = 0
            self.limit.refused(now)
            if error.retry_after:
                self.not_before = max(self.not_before, now + min(error.retry_after, LONGEST_RETRY_AFTER))
        elif reason is Cause.DEAD or reason in PERMANENT:
            self.out = error.detail
            self._refused = reason in PERMANENT
        elif reason is not Cause.BAD_REQUEST:
            self._failures += 1
            if reason is Cause.TIMEOUT:
                self.limit.refused(now)
            if self._failures >= FAILURES_TO_OUT:
                self.out = f"{self._failures} failures in a row, the last one: {error.detail}"

    @property
    def hopeless(self) -> bool:
        """It answers probes and refuses calls (a wrong key, where anybody may list the models)."""
        return self._refused and self._returns >= RETURNS_TO_STAY_OUT

    def probe_delay(self) -> float:
        """Longer each time the source goes out again without an answer in between (a refused key, say)."""
        self._times_out += 1
        return float(min(15.0, 0.05 * 2**self._times_out))

    def revive(self) -> None:
        self.out, self._failures = "", 0
        self._returns += 1
