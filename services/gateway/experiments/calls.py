"""How few calls to sources a job can make: asked of the generator before a step starts under a budget."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import httpx

from services.gateway.estimates.asking import Estimates, Unknown
from services.gateway.settings import GatewaySettings
from shared.contracts.base import JobRequest, Queue
from shared.identity import job_id

FewestCalls = Callable[[str, JobRequest], int | None]
"""(project, request whose inputs exist) → calls that it makes at least; None while nobody says."""
REMEMBERED = 10_000
SILENT_SECONDS = 5.0
"""So long nobody is asked again after no answer came: one look at an experiment asks about many jobs."""


class AskedCalls:
    """`FewestCalls` by the generator's estimates; an answer is remembered, and what has none is asked again.
    A request that the generator refuses makes no call: started, its job fails and says why."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._known: OrderedDict[str, int] = OrderedDict()
        self._silent_until = 0.0

    def __call__(self, project: str, request: JobRequest) -> int | None:
        if request.queue is not Queue.GENERATE:
            return 0
        job = job_id(project, request)
        if job not in self._known:
            if time.monotonic() < self._silent_until:
                return None
            fewest = self._ask(project, request)
            if fewest is None:
                self._silent_until = time.monotonic() + SILENT_SECONDS
                return None
            self._known[job] = fewest
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return self._known[job]

    def _ask(self, project: str, request: JobRequest) -> int | None:
        with httpx.Client() as client:
            asking = Estimates(self._settings, client)
            answer = asking.ask(project, request.queue, request.operation, request.canonical(), {})
        if isinstance(answer, Unknown):
            return 0 if answer.refused else None
        return round(answer.calls.low)
