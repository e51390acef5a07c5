"""What the attempts at an artifact have taken, whether or not it was ever made.

    spent/<artifact>/<attempt>.json    by the names of `ExperimentBudget`: of this attempt and all before it

Kept at every heartbeat and where the attempt ends, before the job's state says so. Of a worker that is
killed, what it spent after its last heartbeat is missing, until another attempt finds it in what it left.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import structlog

from shared.errors import StoreUnavailable
from shared.store.base import ObjectStore
from shared.stored import unreadable

log = structlog.get_logger(__name__)
Amounts = Mapping[str, float]


def spent(store: ObjectStore, artifact: str) -> dict[str, float]:
    """All that was spent on an artifact so far. Every attempt knows of those before it, and one that lost its
    job may still write after its successor: the most that any knows is what was spent."""
    most: dict[str, float] = {}
    for _, amounts in accounts(store, artifact):
        most = larger(most, amounts)
    return most


def accounts(store: ObjectStore, artifact: str) -> Iterator[tuple[int, Amounts]]:
    """What each attempt that spent anything knew of, by its token."""
    for found in store.list(f"spent/{artifact}/"):
        try:
            yield int(found.key.rpartition("/")[2].removesuffix(".json")), json.loads(store.get(found.key))
        except ValueError as error:  # half an account is none: the others stand
            unreadable("account", found.key, str(error))


def larger(one: Amounts, other: Amounts) -> dict[str, float]:
    """The larger amount of each name."""
    return {name: max(one.get(name, 0.0), other.get(name, 0.0)) for name in {**one, **other}}


class Spending:
    """One attempt's account."""

    def __init__(self, store: ObjectStore, artifact: str, token: int) -> None:
        self._store = store
        self._artifact = artifact
        self._key = f"spent/{artifact}/{token:06d}.json"
        self._amounts: dict[str, float] = {}
        self._kept: dict[str, float] = {}
        self._since: dict[str, tuple[float, float]] = {}
        self._writing = threading.Lock()

    def note(self, amounts: Amounts) -> None:
        """What was spent on the artifact so far, in earlier attempts too."""
        self._amounts = {**self._amounts, **amounts}

    def note_time(self, name: str) -> None:
        """Seconds since the first call in this attempt, beside those of earlier ones."""
        now = time.monotonic()
        if name not in self._since:
            self._since[name] = now, spent(self._store, self._artifact).get(name, 0.0)
        started, earlier = self._since[name]
        self.note({name: earlier + now - started})

    def keep(self) -> None:
        """Make durable what was noted; nothing is written where nothing was spent since."""
        with self._writing:  # the heartbeat's thread and the handler's: the later amounts must come last
            amounts = self._amounts
            if amounts != self._kept:
                self._store.put(self._key, json.dumps(amounts).encode(), "application/json")
                self._kept = amounts

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep what the block spent, however it ends."""
        try:
            yield
        finally:
            try:
                self.keep()
            except StoreUnavailable:  # the attempt's own outcome counts for more than its bill
                log.warning("spending.not_kept", artifact=self._artifact)
