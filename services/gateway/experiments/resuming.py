"""Going on with an experiment that paused: the allowance first, then the state, then the message."""

from __future__ import annotations

from services.gateway.experiments.spending import allow
from shared.artifacts import project_store, scratch_store
from shared.assembly import Platform
from shared.contracts.experiment import ExperimentBudget, ExperimentRequest
from shared.contracts.jobs import JobRecord, JobState
from shared.errors import Conflict
from shared.identity import artifact_id
from shared.jobs.records import StaleRecord


def resume(platform: Platform, record: JobRecord, budget: ExperimentBudget | None) -> JobRecord:
    """The job as it stands then. Raises `Conflict` when it is not paused."""
    if record.state is not JobState.PAUSED:
        raise Conflict(f"the experiment is {record.state}: only a paused one can be resumed")
    request = ExperimentRequest.model_validate(record.request)
    allow(scratch_store(project_store(platform.store, record.project), artifact_id(request)), budget)
    try:
        queued = platform.records.append(record, state=JobState.QUEUED, reason=None, error=None)
    except StaleRecord:  # somebody else resumed or cancelled it meanwhile
        return platform.records.get(record.id)
    platform.live.publish_state(queued)
    platform.sender.send(queued)
    return queued
