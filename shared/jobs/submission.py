"""A request becomes a job: the state is written first, then the message is sent.

What is written and never sent (the process died between the two, the queue was away) the reconciler sends.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from opentelemetry.trace import SpanKind

from shared import tracing
from shared.artifacts import find_manifest, has_manifest, project_store
from shared.contracts.artifacts import Manifest
from shared.contracts.base import JobRequest
from shared.contracts.jobs import JobRecord, JobState
from shared.identity import artifact_id, job_id
from shared.jobs.inputs import check_inputs
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords, StaleRecord
from shared.jobs.sending import Sender
from shared.store.base import ObjectStore

log = structlog.get_logger(__name__)
Admit = Callable[[str, str, JobRequest], None]
"""Takes a key's id, the job's id and the request. Raises `QuotaExceeded` when the key may not have it now."""


def anything(key: str, job: str, request: JobRequest) -> None:
    """Where nobody has a quota."""


class Submission:
    def __init__(
        self,
        store: ObjectStore,
        records: JobRecords,
        live: LiveJobs,
        sender: Sender,
        admit: Admit = anything,
    ) -> None:
        self._store = store
        self._records = records
        self._live = live
        self._sender = sender
        self._admit = admit

    def admitting(self, admit: Admit) -> Submission:
        """The same, with quotas: asked before work begins, never for what exists or is under way."""
        return Submission(self._store, self._records, self._live, self._sender, admit)

    def submit(self, project: str, request: JobRequest, key: str | None = None) -> JobRecord:
        """The job that makes this request's artifact.

        The same request finds the same job: one that succeeded or is under way is returned as it stands,
        one that failed, was cancelled, succeeded in part or lost its artifact to damage is taken up
        again. Raises `InputMissing`, with a pointer to the field, when an artifact it reads does not exist,
        and `QuotaExceeded` when the API key that asks (None: nobody's) may not have another job now.
        """
        found = self._records.find(job_id(project, request))
        if found and not found.state.ended:
            return found
        if found and found.state is JobState.SUCCEEDED and self._stands(found):
            return found
        corner = project_store(self._store, project)
        check_inputs(corner, request)
        made = None if found else find_manifest(corner, artifact_id(request))
        if key is not None and made is None:
            self._admit(key, job_id(project, request), request)
        with tracing.span("job.submit", SpanKind.PRODUCER, operation=request.operation) as span:
            record = self._take_up(found, key) if found else self._create(project, request, made, key)
            self._live.settle_claim(record.id)
            span.set_attribute("gamut.job", record.id)
            if record.state is JobState.QUEUED:
                self._live.carry(record.id, tracing.carried())
                self._sender.send(record)
        return record

    def _create(self, project: str, request: JobRequest, made: Manifest | None, key: str | None) -> JobRecord:
        now = datetime.now(UTC)
        record = JobRecord(
            id=job_id(project, request),
            project=project,
            operation=request.operation,
            version=request.version,
            queue=request.queue,
            request=request.canonical(),
            state=JobState.SUCCEEDED if made else JobState.QUEUED,
            artifact=made.id if made else None,
            sequence=0,
            key=key,
            created_at=now,
            updated_at=now,
        )
        if not self._records.create(record):
            return self._records.get(record.id)  # another process was first with the same request
        if record.state.ended:
            self._records.forget_marker(record.id)
        self._live.index(record)
        self._live.publish_state(record)
        log.info("job.created", job=record.id, operation=record.operation, state=record.state)
        return record

    def _take_up(self, found: JobRecord, key: str | None) -> JobRecord:
        try:
            record = self._records.append(
                found,
                state=JobState.QUEUED,
                attempts=0,
                artifact=None if found.state is JobState.SUCCEEDED else found.artifact,
                resubmissions=found.resubmissions + 1,
                key=key,
                reason=None,
                error=None,
                not_before=None,
            )
        except StaleRecord:
            return self._records.get(found.id)
        self._live.publish_state(record)
        log.info("job.taken_up_again", job=record.id, operation=record.operation, was=found.state)
        return record

    def _stands(self, record: JobRecord) -> bool:
        """Whether the artifact is there still: one that was found damaged is not."""
        return record.artifact is None or has_manifest(
            project_store(self._store, record.project), record.artifact
        )
