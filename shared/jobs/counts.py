"""Counters that every process adds to and one exports: a worker's pod may be gone before anybody scrapes it.

    gamut:count:ended     "<operation> <state>" → jobs
    gamut:count:seconds   "<operation> <upper bound>" → attempts; "<operation> sum" → seconds

They are Redis' and are lost with it: Prometheus takes that for a restart.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import redis
import structlog

log = structlog.get_logger(__name__)
BOUNDS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14400, float("inf"))
_ENDED, _SECONDS = "gamut:count:ended", "gamut:count:seconds"


class Counts:
    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def ended(self, operation: str, state: str) -> None:
        with _optional():
            self._redis.hincrby(_ENDED, f"{operation} {state}", 1)

    @contextmanager
    def timed(self, operation: str) -> Iterator[None]:
        """Counts the seconds of an attempt, however it ends."""
        start = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - start
            bound = next(bound for bound in BOUNDS if seconds <= bound)
            with _optional(), self._redis.pipeline() as both:
                both.hincrby(_SECONDS, f"{operation} {bound}", 1)
                both.hincrbyfloat(_SECONDS, f"{operation} sum", seconds)
                both.execute()

    def all_ended(self) -> dict[tuple[str, str], int]:
        """(operation, state) → jobs."""
        return {(name.split()[0], name.split()[1]): int(value) for name, value in self._hash(_ENDED)}

    def all_seconds(self) -> dict[str, tuple[list[int], float]]:
        """Operation → attempts by `BOUNDS`, each counted once, and the sum of their seconds."""
        found: dict[str, tuple[list[int], float]] = defaultdict(lambda: ([0] * len(BOUNDS), 0.0))
        for name, value in self._hash(_SECONDS):
            operation, _, bound = name.partition(" ")
            counts, total = found[operation]
            if bound == "sum":
                found[operation] = (counts, float(value))
            else:
                counts[BOUNDS.index(float(bound))] = int(value)
                found[operation] = (counts, total)
        return dict(found)

    def _hash(self, name: str) -> list[tuple[str, str]]:
        found = cast(dict[bytes, bytes], self._redis.hgetall(name))
        return sorted((key.decode(), value.decode()) for key, value in found.items())


@contextmanager
def _optional() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        log.warning("counts.unavailable", error=type(error).__name__)
