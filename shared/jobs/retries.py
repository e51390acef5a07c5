"""How long a job waits before it is tried again, and whether it still does."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.contracts.jobs import JobRecord

BACKOFF_SECONDS = (1, 5, 20, 60)
"""After the first attempt that failed, the second, …; the last one after all that follow."""
OUTAGE_SECONDS = 20
"""After one that the store failed."""
LONGEST = timedelta(seconds=2 * max(BACKOFF_SECONDS))


def backoff(attempts: int) -> int:
    return BACKOFF_SECONDS[min(attempts, len(BACKOFF_SECONDS)) - 1]


def is_due(record: JobRecord, now: datetime) -> bool:
    """Whether the job may be run. It waits until the time that its record says, by the clock of whoever wrote
    that; a wait longer than any that is ever set was written by a clock that was wrong, and is none."""
    until = record.not_before
    return until is None or not now < until <= now + LONGEST
