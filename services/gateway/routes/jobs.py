"""`/v1/jobs`: how jobs stand, waiting for them, stopping them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Header, Query, Response
from sse_starlette import EventSourceResponse, ServerSentEvent

from services.gateway.access.projects import Project
from services.gateway.context import Gateway, InGateway
from services.gateway.jobs.events import Event
from services.gateway.routes.parameters import Cursor, JobId, Limit
from services.gateway.views import JobPage
from shared.contracts.jobs import Job, JobRecord, JobState
from shared.jobs.transitions import TRANSITIONS

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
PING_SECONDS = 15
EVENT = {
    "description": "One event of the stream.",
    "type": "object",
    "properties": {
        "id": {"type": "string", "description": "For `Last-Event-ID`."},
        "event": {"type": "string", "enum": ["snapshot", "state", "progress"]},
        "data": {"type": "string", "description": "JSON: the job, its record, or its progress."},
    },
}


@router.get("")
def list_jobs(
    gateway: InGateway,
    project: Project,
    operation: Annotated[str | None, Query(max_length=50)] = None,
    state: JobState | None = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobPage:
    """The project's jobs, newest first."""
    page = gateway.listing.page(
        project,
        limit,
        cursor,
        [operation] if operation else None,
        state=state,
    )
    return JobPage(items=[gateway.shown(record) for record in page.records], next=page.next)


@router.get("/transitions")
def get_transitions() -> dict[JobState, list[JobState]]:
    """Which states may follow which: the whole life of a job."""
    return {state: sorted(following) for state, following in TRANSITIONS.items()}


@router.get("/{job_id}")
def get_job(job_id: JobId, gateway: InGateway, project: Project) -> Job:
    """How the job stands."""
    return gateway.shown(gateway.job(project, job_id))


@router.post("/{job_id}/cancel", status_code=202)
def cancel_job(job_id: JobId, gateway: InGateway, project: Project) -> Job:
    """Stop the job: at once when it is queued, else at its worker's next step. 409 when it has ended.

    Posting its request again takes it up where it stopped.
    """
    gateway.job(project, job_id)
    return gateway.shown(gateway.cancellation.cancel(job_id))


@router.get("/{job_id}/wait")
async def wait_for_job(
    job_id: JobId,
    gateway: InGateway,
    project: Project,
    timeout: Annotated[float, Query(ge=0, le=300, description="Seconds.")] = 30,  # noqa: ASYNC109
) -> Job:
    """The job when it ends or is paused, or as it stands after the timeout."""
    async with gateway.events.listen(job_id) as queue:
        record = await anyio.to_thread.run_sync(gateway.job, project, job_id)
        try:
            async with asyncio.timeout(timeout):
                while not record.state.ended and record.state is not JobState.PAUSED:
                    event = await queue.get()
                    if event.kind == "state":
                        record = JobRecord.model_validate_json(event.data, extra="ignore")
        except TimeoutError:
            record = await anyio.to_thread.run_sync(gateway.job, project, job_id)
    return await anyio.to_thread.run_sync(gateway.shown, record)


@router.get(
    "/{job_id}/events",
    response_class=EventSourceResponse,
    responses={
        200: {
            "description": "`snapshot` (the job), then `state` (the job's record) and `progress` as they "
            "come, until the job has ended.",
            "content": {"text/event-stream": {"schema": EVENT}},
        },
        204: {"description": "The job has ended and the listener knows it: nothing more will come."},
    },
)
async def get_job_events(
    job_id: JobId,
    gateway: InGateway,
    project: Project,
    last_event_id: Annotated[str | None, Header(pattern=r"^\d{1,20}-\d{1,20}$")] = None,
) -> Response:
    """Server-sent events of the job. With `Last-Event-ID`, only what came after it, as far as it is kept."""
    record = await anyio.to_thread.run_sync(gateway.job, project, job_id)
    if last_event_id and record.state.ended and await gateway.events.since(job_id, last_event_id) == []:
        return Response(status_code=204)
    return EventSourceResponse(_events(gateway, project, job_id, last_event_id), ping=PING_SECONDS)


async def _events(
    gateway: Gateway, project: str, job_id: str, after: str | None
) -> AsyncIterator[ServerSentEvent]:
    async with gateway.events.listen(job_id) as queue:  # before looking: nothing may fall in between
        missed = await gateway.events.since(job_id, after) if after else None
        if missed is None:
            after = await gateway.events.last_id(job_id)
            record = await anyio.to_thread.run_sync(gateway.job, project, job_id)
            job = await anyio.to_thread.run_sync(gateway.shown, record)
            yield _sent(Event(after, "snapshot", job.model_dump_json()))
            if record.state.ended:
                return
            missed = []
        for event in missed:
            yield _sent(event)
            if event.ends:
                return
            after = event.id
        while True:
            event = await queue.get()
            if event.id and after and _order(event.id) <= _order(after):
                continue
            yield _sent(event)
            if event.ends:
                return


def _sent(event: Event) -> ServerSentEvent:
    return ServerSentEvent(data=event.data, event=event.kind, id=event.id or None)


def _order(event_id: str) -> tuple[int, ...]:
    return tuple(int(number) for number in event_id.split("-"))
