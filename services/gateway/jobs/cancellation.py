"""Cancelling a job: a flag in its log that whoever runs it obeys, or the end of one that nobody runs yet."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, JobState
from shared.errors import Conflict, Reason
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords, StaleRecord
from shared.jobs.sending import Sender

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Cancellation:
    records: JobRecords
    live: LiveJobs
    sender: Sender

    def cancel(self, job_id: str) -> JobRecord:
        """The job as it stands then: `cancelled`, or `cancelling` while a worker still has it.

        Raises `Conflict` when the job has ended, `JobNotFound` when there is none.
        """
        while True:
            record = self.records.get(job_id)
            if record.state.ended:
                raise Conflict(f"the job is {record.state}: only one that has not ended can be cancelled")
            if record.state is JobState.CANCELLING:
                return record
            try:
                return self._next(record)
            except StaleRecord:
                continue  # somebody moved it meanwhile: look again

    def _next(self, record: JobRecord) -> JobRecord:
        if record.queue is Queue.COORDINATE:
            return self._through_its_coordinator(record)
        if record.state is JobState.QUEUED:
            ended = self._append(record, JobState.CANCELLED)
            self._wake(ended)
            return ended
        return self._append(record, JobState.CANCELLING)

    def _through_its_coordinator(self, record: JobRecord) -> JobRecord:
        """An experiment may have jobs under way even while it is queued: its coordinator ends them first."""
        if record.state is JobState.QUEUED:
            record = self._append(record, JobState.RUNNING)
        cancelling = self._append(record, JobState.CANCELLING)
        self.sender.send(cancelling)
        return cancelling

    def _append(self, record: JobRecord, state: JobState) -> JobRecord:
        following = self.records.append(record, state=state, reason=Reason.CANCELLED, not_before=None)
        self.live.publish_state(following)
        log.info("job.cancelled", job=record.id, was=record.state, state=state)
        return following

    def _wake(self, ended: JobRecord) -> None:
        for waiting in self.live.take_waiting(ended.id):
            parent = self.records.show(waiting)
            if parent and not parent.state.ended:
                self.sender.send(parent)
