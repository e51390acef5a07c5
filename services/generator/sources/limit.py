"""How many calls a server should have in flight: learnt from what it shows, never from a fixed number.

Additive increase, multiplicative decrease, with a slow start. What counts as pressure: a refusal (429, 503),
a timeout, or a rate that no longer grows with the number in flight while latency does (by Little's law more
in flight then only waits longer; vLLM, which queues rather than refuses, shows itself this way). A server's
own queue gauge, when there is one, overrules the guess: `queue_seen`.

Pure: time comes in as an argument, so a day of traffic is tested in a millisecond.
"""

from __future__ import annotations

DECREASE = 0.7
SLOW_START_GAIN = 1.10
"""Slow start doubles while doubling brings at least this much more rate."""
PRESSURE_GAP_SECONDS = 1.0
"""Refusals closer together than this (or than one latency) are one event."""


class Limit:
    """The number of calls one source may have in flight: `value`, always within [`low`, `high`]."""

    def __init__(self, *, start: int = 16, low: int = 1, high: int = 1024) -> None:
        self.low, self.high = low, max(low, high)
        self.value = float(min(max(start, low), self.high))
        self.slow_start = True
        self.latency = 0.0
        self._best_latency = float("inf")
        self._window_start: float | None = None
        self._window_done = 0
        self._window_full = False
        self._last_rate = 0.0
        self._last_pressure = float("-inf")
        self._ceiling = float(self.high)
        self._queueing: bool | None = None
        self._running = 0

    def room(self, in_flight: int) -> bool:
        return in_flight < int(self.value)

    def succeeded(self, now: float, latency: float, in_flight: int) -> None:
        """An answer came after `latency` seconds, with `in_flight` calls out at that moment."""
        self.latency = latency if not self.latency else 0.9 * self.latency + 0.1 * latency
        if latency < self._best_latency:
            self._best_latency = latency
        if self._window_start is None:
            self._window_start = now
        self._window_done += 1
        self._window_full = self._window_full or in_flight >= int(self.value) - 1
        if now - self._window_start >= self.latency and self._window_done >= self.value:
            self._close_window(now)

    def _close_window(self, now: float) -> None:
        """One latency's worth of answers: was the last step up worth it?"""
        rate = self._window_done / max(now - (self._window_start or now), 1e-9)
        if self._window_full:  # only a limit that was used has shown anything
            waits = self._waits()
            worth = rate > SLOW_START_GAIN * self._last_rate
            if self.slow_start and self.value >= self._ceiling:
                self.slow_start = False  # there was no last step
            elif self.slow_start and (worth or not waits):
                self._set(self.value * 2)
            elif self.slow_start:
                self.slow_start = False
                self._set(self.value * 0.75)
            elif not waits or rate >= self._last_rate:
                self._set(self.value + max(1.0, self.value**0.5 / 4))
            else:
                self._set(self.value - max(1.0, self.value**0.5 / 4))
        self._last_rate = rate
        self._window_start, self._window_done, self._window_full = now, 0, False

    def _waits(self) -> bool:
        """Whether answers wait for each other: as the server's gauges have it, else by their latency."""
        if self._queueing is not None:
            return self._queueing
        return self.latency > 2 * self._best_latency

    def refused(self, now: float) -> None:
        """429, 503 or a timeout: step down, once for each burst."""
        if now - self._last_pressure < max(PRESSURE_GAP_SECONDS, self.latency):
            return
        self._last_pressure = now
        self.slow_start = False
        self._set(self.value * DECREASE)
        self._window_start, self._window_done, self._window_full = now, 0, False

    def queue_seen(self, running: int, waiting: int) -> None:
        """The server's own gauges: keep a short queue there (so that it never idles), and no more.

        One reading may fall on a burst that is just being let in; two in a row are a queue.
        """
        aim = max(2.0, running / 8)
        queueing = waiting > 2 * aim
        if not queueing:
            self._ceiling = float(self.high)
        elif self._queueing:
            self.slow_start = False
            self._ceiling = max(float(self.low), max(running, self._running) + aim)
            self._set(min(self.value, self._ceiling))
        self._queueing, self._running = queueing, running

    def _set(self, value: float) -> None:
        self.value = min(max(value, float(self.low)), self._ceiling, float(self.high))
