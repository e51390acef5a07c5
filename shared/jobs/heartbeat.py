"""Keeps a running job's lease and its account, and tells its handler when to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType

import structlog

from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.workspace import Signals

log = structlog.get_logger(__name__)


class Heartbeat:
    """A thread that renews the lease and reads the job's state every `seconds`, while the block runs."""

    def __init__(
        self,
        record: JobRecord,
        holder: str,
        live: LiveJobs,
        records: JobRecords,
        signals: Signals,
        seconds: float,
    ) -> None:
        self._record = record
        self._holder = holder
        self._live = live
        self._records = records
        self._signals = signals
        self._seconds = seconds
        self.also: tuple[Callable[[], None], ...] = ()
        """Done at every beat too."""
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat {record.id}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._stop.wait(self._seconds):
            for beat in (self._once, *self.also):
                try:
                    beat()
                except Exception as error:  # Redis or the store is away: the attempt goes on without them
                    log.warning("job.heartbeat_missed", job=self._record.id, error=type(error).__name__)

    def _once(self) -> None:
        if not self._live.renew(self._record.id, self._holder):
            self._signals.lost.set()
            return
        current = self._records.get(self._record.id)
        if current.state is JobState.CANCELLING and current.sequence <= self._record.sequence + 1:
            self._signals.cancelled.set()
        elif current.sequence != self._record.sequence:  # another worker took it, or it has ended
            self._signals.lost.set()
