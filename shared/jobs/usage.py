"""What an API key's jobs have used, by day: written while attempts run and where they end, read by quotas.

    usage/<key>/<day>/<job>-<attempt>.<random>-<tokens>   tokens of a job that were not charged before
    usage/<key>/<day>/preview-<random>.held-<tokens>      what a preview under way may take at most
    usage/<key>/<day>/preview-<random>.paid-<tokens>      what it took: replaces what was held
    charged/<job>                                         "<day> <tokens>": the job's sum of all days before

Each of `usage/` is an empty object: its name says it all, and a day is summed with one listing. Tokens are
the servers' own counts of what was generated (`Progress.tokens`). A job's count is of all its attempts, so
what is charged is the rest beyond all that was charged to it before: wherever a process is killed, the next
one to settle finds what is missing, and nothing is charged twice.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import structlog

from shared.contracts.jobs import JobRecord
from shared.errors import StoreUnavailable
from shared.jobs.records import JobRecords
from shared.jobs.workspace import Workspace
from shared.store.base import ObjectNotFound, ObjectStore

log = structlog.get_logger(__name__)
CHARGE_SECONDS = 30.0
"""A running attempt is charged this often: what its worker's death leaves uncharged, if nobody goes on."""
HELD, PAID = ".held", ".paid"
DAY = timedelta(days=1)
CLOCKS_DIFFER = 4 * DAY
"""On a day that is longer ago by anybody's clock nobody charges any more: clocks may be two days wrong."""


class Meter:
    """Charges one attempt as it goes."""

    def __init__(
        self, store: ObjectStore, records: JobRecords, record: JobRecord, tokens: Callable[[], int]
    ) -> None:
        self._place = store, records, record
        self._tokens = tokens
        self._settled = 0
        self._settling = threading.Lock()
        self._at = time.monotonic()

    def beat(self) -> None:
        """At every heartbeat; charges now and then."""
        if time.monotonic() - self._at >= CHARGE_SECONDS:
            self._at = time.monotonic()
            self.settle()

    def settle(self) -> None:
        with self._settling:  # the heartbeat's thread and the handler's
            tokens = self._tokens()
            if tokens > self._settled:
                settle(*self._place, tokens)
                self._settled = tokens


@contextmanager
def charged(
    store: ObjectStore, records: JobRecords, record: JobRecord, workspace: Workspace
) -> Iterator[Meter]:
    """Charge the job's key with what the block used, however the block ends."""
    meter = Meter(store, records, record, lambda: workspace.tokens)
    try:
        yield meter
    finally:
        try:
            meter.settle()
        except StoreUnavailable:  # the attempt's own outcome counts for more than its bill
            log.warning("usage.not_written", job=record.id, tokens=workspace.tokens)


def settle(store: ObjectStore, records: JobRecords, record: JobRecord, tokens: int) -> None:
    """Charge the job's key with what was not charged of all the tokens that the job has taken so far."""
    if record.key is None or tokens <= 0:
        return
    rest = tokens - charged_to(store, records, record)
    if rest > 0:
        charge(store, record.key, f"{record.id}-{record.sequence}.{uuid4().hex[:12]}", rest)


def charged_to(store: ObjectStore, records: JobRecords, record: JobRecord, today: date | None = None) -> int:
    """Tokens of a job that were charged to whoever asked for it, since it was made. However old the job is, a
    few days are listed: what was charged on those before them is summed once, and kept."""
    today = today or datetime.now(UTC).date()
    keys = {record.key}
    if record.resubmissions:
        keys |= {state.key for state in records.history(record.id)}

    def on(days: Iterable[date]) -> int:
        return sum(
            _tokens(found.key)
            for key in keys - {None}
            for day in days
            for found in store.list(f"usage/{key}/{day.isoformat()}/{record.id}-")
        )

    first, old = record.created_at.date() - CLOCKS_DIFFER, today - CLOCKS_DIFFER
    summed = 0
    if first < old:
        first, summed = _summed(store, record.id) or (first, 0)
        if first < old:
            summed += on(_charging_days(records, record, first, old))
            first = old
            store.put(f"charged/{record.id}", f"{first.isoformat()} {summed}".encode(), "text/plain")
    return summed + on(_days(first, today + CLOCKS_DIFFER + DAY))


def _charging_days(records: JobRecords, record: JobRecord, first: date, end: date) -> set[date]:
    """Of the days from `first` to before `end`, those on which an attempt may have charged the job."""
    history = records.history(record.id)
    ends = [*(state.updated_at.date() for state in history[1:]), end]
    return {
        day
        for state, ended in zip(history, ends, strict=True)
        if not state.state.ended
        for day in _days(
            max(first, state.updated_at.date() - CLOCKS_DIFFER), min(end, ended + CLOCKS_DIFFER + DAY)
        )
    }


def _days(first: date, end: date) -> list[date]:
    return [first + DAY * number for number in range((end - first).days)]


def _summed(store: ObjectStore, job: str) -> tuple[date, int] | None:
    """A day, and what was charged to the job on all days before it; None where nobody summed that."""
    try:
        day, tokens = store.get(f"charged/{job}").decode().split()
        return date.fromisoformat(day), int(tokens)
    except (ObjectNotFound, ValueError):  # a sum that cannot be read is made again
        return None


def charge(store: ObjectStore, key: str, what: str, tokens: int) -> None:
    """Charge a key for `what`, a name that is used once."""
    store.put(f"{_today(key)}{what}-{tokens}", b"", "text/plain")


def hold(store: ObjectStore, key: str, what: str, tokens: int) -> str:
    """Charge a key with what something may take at most, until it is known; returns the object's key."""
    held = f"{_today(key)}{what}{HELD}-{tokens}"
    store.put(held, b"", "text/plain")
    return held


def pay(store: ObjectStore, held: str, tokens: int) -> None:
    """What it took, on the day it was held."""
    store.put(f"{held.rpartition(HELD)[0]}{PAID}-{tokens}", b"", "text/plain")
    store.delete(held)


def tokens_used(store: ObjectStore, key: str, day: date) -> int:
    """Tokens that a key was charged with on a day (UTC)."""
    found = [entry.key for entry in store.list(f"usage/{key}/{day.isoformat()}/")]
    paid = {entry.rpartition(PAID)[0] for entry in found if PAID in entry}
    return sum(_tokens(entry) for entry in found if entry.rpartition(HELD)[0] not in paid)


def _today(key: str) -> str:
    return f"usage/{key}/{datetime.now(UTC).date().isoformat()}/"


def _tokens(key: str) -> int:
    return int(key.rpartition("-")[2])
