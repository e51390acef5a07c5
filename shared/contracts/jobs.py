"""Jobs as they are stored and shown: the record of the attempts to make one artifact."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import Field

from shared.contracts.base import Contract, Queue
from shared.contracts.json_types import JsonObject
from shared.contracts.problems import Problem


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    PARTIALLY_SUCCEEDED = "partially_succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens unless the request is posted again."""
        return self not in (JobState.QUEUED, JobState.RUNNING, JobState.PAUSED, JobState.CANCELLING)


class Progress(Contract):
    """How far the running attempt is. Lives in Redis only; losing it loses nothing but the display."""

    done: float = 0
    total: float | None = None
    unit: str = ""
    note: str = Field(default="", description="What is being done now, for people.")
    rate: float | None = Field(default=None, description="Units a second, this attempt.")
    eta_seconds: float | None = None
    ok: int = 0
    failed: int = 0
    tokens: int = 0
    detail: dict[str, Any] = {}


class JobRecord(Contract):
    """One state of a job, as the object store keeps it: record `sequence` replaces the one before."""

    format: int = Field(
        default=1,
        ge=1,
        exclude_if=lambda format: format == 1,
        description="Of the record; 1 where it is not told.",
    )
    id: str
    project: str
    operation: str
    version: int
    queue: Queue
    request: JsonObject
    state: JobState
    sequence: int = Field(ge=0)
    attempts: int = Field(
        default=0, ge=0, description="Times a worker took it since it last made lasting progress."
    )
    artifact: str | None = Field(default=None, description="The artifact, once it exists.")
    reason: str | None = Field(default=None, description="Why it was retried, failed or was cancelled.")
    error: Problem | None = None
    not_before: datetime | None = Field(default=None, description="A retry waits until then.")
    resubmissions: int = 0
    key: str | None = Field(
        default=None, description="The id of the API key that asked for it first: whose quota it uses."
    )
    created_at: datetime
    updated_at: datetime


class Job(JobRecord):
    """A job as the API shows it: the stored record with the live progress beside it."""

    progress: Progress | None = None
