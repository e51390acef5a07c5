"""The sources of one model: who waits for them, which one keeps which prefix, whether it answers at all."""

from __future__ import annotations

import asyncio
from collections import deque

from services.generator.calls.call import Call, Model
from services.generator.sources.affinity import REMEMBERED, Affinity
from services.generator.sources.errors import NoSource, Refusing, SourceError
from services.generator.sources.lane import Lane, Turns
from services.generator.sources.limited import RateLimited

REFUSALS_TO_FAIL = 16
"""Calls refused, with not one answered, after which a model is taken to refuse them all."""


class Trial:
    """A model from its first call to its first answer: whether to go on asking it.

    A few refused prompts are rejects like any other; a server that refuses everything (a limit beyond its
    context, a parameter that it does not know) would use up every candidate and say nothing. What was sent
    before the last of the first refusals may still be answered, so judgement waits for it; and refusals of
    one context alone are no judgement: if it is too long it is refused at once, thirty times over.
    """

    def __init__(self) -> None:
        self._sent = 0
        self._out: set[int] = set()
        self._refused = 0
        self._contexts: set[str] = set()
        self._last_word: int | None = None

    def sent(self) -> int:
        """A call goes out; returns its ticket."""
        self._sent += 1
        self._out.add(self._sent)
        return self._sent

    def ended(self, ticket: int) -> None:
        """A call came to nothing, refused or not."""
        self._out.discard(ticket)

    def refused(self, call: Call, error: SourceError) -> None:
        """A call was refused for good. Raises `Refusing` when that is what the model does with every call."""
        self._refused += 1
        self._contexts.add(call.prefix)
        if self._refused < REFUSALS_TO_FAIL or (call.prefix and len(self._contexts) == 1):
            return
        if self._last_word is None:
            self._last_word = self._sent
        if not any(ticket <= self._last_word for ticket in self._out):
            raise Refusing(str(call.model), self._refused, error)


class Peers:
    """`trial` is None once the model has answered."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.lanes: list[Lane] = []
        self.waiters: Turns = deque()
        self.affinity = Affinity()
        self.gates: dict[tuple[str, str], Turns | None] = {}
        """By (source, prefix): those who wait for the leader's answer; None once it has come."""
        self.deadline: asyncio.TimerHandle | None = None
        self.trial: Trial | None = Trial()
        self.limited: RateLimited | None = None
        """While nothing but rate limits is heard of it."""
        self.gone: NoSource | None = None
        """Why no call of it is sent any more."""

    def warm(self, gate: tuple[str, str]) -> None:
        """The prefix is computed; the oldest of very many are forgotten (the server has, too)."""
        self.gates[gate] = None
        if len(self.gates) > REMEMBERED:
            oldest = next(iter(self.gates))
            if self.gates[oldest] is None:
                del self.gates[oldest]

    @property
    def troubled(self) -> bool:
        """Whether a source is out or told us to wait: then admission is more than a hand-over."""
        for lane in self.lanes:  # noqa: SIM110  # every answer asks: `any` would make a generator for it
            if lane.out or lane.not_before:
                return True
        return False

    def roomiest(self, now: float) -> Lane | None:
        """The live lane with the smallest share of its limit in use."""
        best, best_share = None, 2.0
        for lane in self.lanes:
            if lane.has_room(now):
                share = lane.in_flight / lane.limit.value
                if share < best_share:
                    best, best_share = lane, share
        return best
