"""What an API key's jobs have used, by day: written where each attempt ends, read by quotas and operators.

    usage/<key>/<day>/<job>-<attempt>-<tokens>    an empty object: its name says it all
    usage/<key>/<day>/preview-<random>-<tokens>   a preview, which is no job

The attempt is its place in the job's log: names are unique to it, so nothing is counted twice, and a day is
summed with one listing. Tokens are the servers' own counts of what was generated (`Progress.tokens`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime

import structlog

from shared.contracts.jobs import JobRecord
from shared.errors import StoreUnavailable
from shared.jobs.live import LiveJobs
from shared.jobs.workspace import Workspace
from shared.store.base import ObjectStore

log = structlog.get_logger(__name__)


@contextmanager
def charged(store: ObjectStore, live: LiveJobs, record: JobRecord, workspace: Workspace) -> Iterator[None]:
    """Charge the job's key with what the block used, however the block ends."""
    if record.key is None:
        yield
        return
    earlier = live.progress(record.id)
    before = earlier.tokens if earlier else 0
    try:
        yield
    finally:
        used = workspace.tokens - before
        if used > 0:
            try:
                charge(store, record.key, f"{record.id}-{record.sequence}", used)
            except StoreUnavailable:  # the attempt's own outcome counts for more than its bill
                log.warning("usage.not_written", job=record.id, tokens=used)


def charge(store: ObjectStore, key: str, what: str, tokens: int) -> None:
    """Charge a key for `what`, a name that is used once."""
    day = datetime.now(UTC).date().isoformat()
    store.put(f"usage/{key}/{day}/{what}-{tokens}", b"", "text/plain")


def tokens_used(store: ObjectStore, key: str, day: date) -> int:
    """Tokens that ended attempts have used on a day (UTC)."""
    return sum(int(found.key.rpartition("-")[2]) for found in store.list(f"usage/{key}/{day.isoformat()}/"))
