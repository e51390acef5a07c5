"""A validated request becomes a job, once for each `Idempotency-Key`."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus

from fastapi import Response

from services.gateway.access.projects import asking
from services.gateway.context import Gateway
from shared.contracts.base import JobRequest
from shared.contracts.jobs import Job, JobRecord, JobState
from shared.errors import Conflict, InvalidRequest
from shared.identity import job_id


class KeyReused(Conflict):
    """This Idempotency-Key was sent with another request. Use a new key for each request."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "idempotency_key_reused"


def accept(
    gateway: Gateway, project: str, request: JobRequest, response: Response, idempotency_key: str | None
) -> Job:
    """202 and the job, or 200 when its artifact exists.

    The same request always finds the same job; with a key, a repetition does not even take up again a job
    that has failed since.
    """
    record = submit(gateway, project, request, idempotency_key)
    response.status_code = 200 if record.state is JobState.SUCCEEDED else 202
    response.headers["Location"] = f"/v1/jobs/{record.id}"
    return gateway.shown(record)


def submit(gateway: Gateway, project: str, request: JobRequest, idempotency_key: str | None) -> JobRecord:
    try:
        job = job_id(project, request)
    except ValueError as error:  # a number or a text that JSON cannot carry
        raise InvalidRequest(f"the request cannot be written as JSON: {error}") from error
    if idempotency_key and not _first_use(gateway, project, idempotency_key, job):
        known = gateway.platform.records.find(job)
        if known is not None:
            return known
    return gateway.platform.submission.submit(project, request, asking.get())


def _first_use(gateway: Gateway, project: str, key: str, job: str) -> bool:
    """Whether nobody sent this key before. Raises `KeyReused` when it came with another request."""
    store = gateway.store(project)
    name = f"idempotency/{hashlib.sha256(key.encode()).hexdigest()}.json"
    if store.put_if_absent(name, json.dumps({"job": job}).encode()):
        return True
    if json.loads(store.get(name))["job"] != job:
        raise KeyReused
    return False
