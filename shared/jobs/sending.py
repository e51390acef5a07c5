"""Puts a job's id on its queue, and notes that it did."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord
from shared.jobs.live import LiveJobs

log = structlog.get_logger(__name__)

Send = Callable[[Queue, str], None]


class Sender:
    """`send` raises when the queue is away; the job then waits for the reconciler instead of failing."""

    def __init__(self, send: Send, live: LiveJobs) -> None:
        self._send = send
        self._live = live

    def send(self, record: JobRecord) -> bool:
        try:
            self._live.mark_sent(record.id)  # before: its taker may clear the mark as soon as it is sent
            self._send(record.queue, record.id)
        except Exception as error:  # whatever the broker's client raises: the state is safe already
            log.warning("job.not_sent", job=record.id, queue=record.queue, error=type(error).__name__)
            return False
        return True
