"""What is kept, and said, of a job that fails although its sources answered: what was refused."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import orjson

from services.generator.engine.hopeless import told
from services.generator.engine.record import StageRecord
from services.generator.engine.session import Session
from services.generator.engine.stage import Refusal, Reject
from services.generator.errors import CandidatesExhausted, TargetUnreachable
from services.generator.operations.jobs import GenerationJob
from services.generator.sources.errors import Refusing
from shared.artifacts import ArtifactWriter, manifest_of
from shared.contracts.base import ArtifactSummary, JobRequest
from shared.datasets import REJECTS
from shared.identity import digest

S = TypeVar("S", bound=ArtifactSummary)
FAILED = (CandidatesExhausted, TargetUnreachable, Refusing)
"""Failures that say something about answers, and none about a source that was away."""


async def keeping_refused(
    job: GenerationJob,
    request: JobRequest,
    session: Session,
    work: Callable[[Session], Awaitable[S]],
    written: Callable[[Sequence[StageRecord]], Awaitable[S]],
) -> S:
    """`work`; where it fails, what it made and refused so far becomes an artifact of its own, which the error
    names. `written` writes the parts and gives their summary."""
    try:
        return await work(session)
    except FAILED as error:
        records = list(session.status.stages.values())
        if sum(record.progress.decided for record in records):
            named = await _kept(job, request, records, written)
            error.args = (f"{error} Everything that was refused: {named}, part {REJECTS}.", *error.args[1:])
            if isinstance(error, CandidatesExhausted | TargetUnreachable):
                error.detail = str(error.args[0])
        raise


async def _kept(
    job: GenerationJob,
    request: JobRequest,
    records: Sequence[StageRecord],
    written: Callable[[Sequence[StageRecord]], Awaitable[S]],
) -> str:
    """An artifact of what an attempt has made before it failed; it is no result of the request."""
    workspace = job.workspace
    name = f"{request.produces}-{digest([workspace.artifact_id, 'failed', workspace.token])}"
    job.output = ArtifactWriter(workspace.store, name, workspace.token, workspace.folder)
    summary = await written(records)
    manifest = manifest_of(request, summary, job=workspace.job, packages=())
    job.output.commit(manifest.model_copy(update={"id": name, "operation": f"{request.operation}.failed"}))
    return name


async def nothing_measured(records: Sequence[StageRecord], what: str) -> CandidatesExhausted:
    """The failure of a measurement that measured nothing, with one answer that could not be read."""
    lines = [orjson.loads(line) for record in records async for line in record.lines("rejects")]
    refused = [reject for reject in lines if reject["reason"] != Refusal.SURPLUS]
    if not refused:
        return CandidatesExhausted(f"{what}: nothing was answered.")
    last = refused[-1]
    example = Reject(Refusal(last["reason"]), last["detail"], last["text"])
    return CandidatesExhausted(
        f"{what}, in {len(refused)} answers: nothing was measured.{told(last['reason'], example)}"
    )
