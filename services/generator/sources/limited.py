"""A model all of whose answers are "slow down": since when, what is told about it, and when it is given up.

A storm of 429 is waited out, and one answer ends it. One that lasts is told, with the time until which the
server asks to be left alone, and ends by the patience that was set, like any other way of being away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from services.generator.sources.errors import SourceError

TOLD_AFTER = 5.0
"""Seconds of a wait that are worth a word."""


class RateLimited:
    """From the first refusal without an answer since. `tell` shows a person what is waited for ("": nothing
    any more); `give_up` is called with what each source said, when patience has run out."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        patience: float,
        tell: Callable[[str], None],
        give_up: Callable[[dict[str, str]], None],
    ) -> None:
        self._loop = loop
        self._tell = tell
        self._give_up = give_up
        self._said: dict[str, str] = {}
        self._ends = datetime.now(UTC) + timedelta(seconds=patience)
        self._told = False
        self._end = loop.call_later(patience, self._run_out)
        self._word = loop.call_later(TOLD_AFTER, self._say)

    def refused(self, error: SourceError) -> None:
        """A source said to slow down."""
        if error.retry_after and error.retry_after >= TOLD_AFTER:
            until = datetime.now(UTC) + timedelta(seconds=error.retry_after)
            self._said[error.source] = f"rate limited until {_clock(until)} ({error.detail})"
            self._say()
        else:
            self._said[error.source] = f"rate limited, it does not say until when ({error.detail})"

    def answered(self) -> None:
        """A source of the model has answered: it is over."""
        self.stop()
        if self._told:
            self._tell("")

    def stop(self) -> None:
        self._end.cancel()
        self._word.cancel()

    def _say(self) -> None:
        self._told = True
        listed = "; ".join(f"{name}: {said}" for name, said in self._said.items())
        self._tell(f"{listed}. It is waited for until {_clock(self._ends)}, then the job is given up.")

    def _run_out(self) -> None:
        self._word.cancel()
        self._give_up(dict(self._said))


def _clock(when: datetime) -> str:
    day = "" if when.date() == datetime.now(UTC).date() else f"{when:%Y-%m-%d} "
    return f"{day}{when:%H:%M} UTC"
