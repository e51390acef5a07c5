"""What one job would take, asked of the service that would do it (`POST /v1/estimate` of its own API).

The gateway asks a plan's jobs in their order, and hands what each job `makes` to the questions about those
that read it, as nothing of it exists yet.
"""

from __future__ import annotations

from pydantic import Field, JsonValue

from shared.contracts.base import ArtifactId, Contract
from shared.contracts.fields import Range
from shared.contracts.generation.fields import Name
from shared.contracts.generation.previews import CallsEstimate
from shared.contracts.training.plans import Plan


class Coming(Contract):
    """What is known of an artifact that is still to be made. Null: not known, or it has no such thing."""

    rows: int | None = Field(default=None, ge=0, description="Of a dataset.")
    contexts: int | None = Field(default=None, ge=0, description="Of a dataset whose questions have them.")
    bytes: float | None = Field(default=None, ge=0, description="Of a dataset's rows as they are stored.")
    like: ArtifactId | None = Field(
        default=None, description="A dataset that exists and whose rows these will be like."
    )
    base: str | None = Field(default=None, description="Of a model: the base that it is an adapter of.")


class EstimateRequest(Contract):
    """A job that is asked about before it is submitted; nothing is run and nothing is kept."""

    project: Name = "default"
    operation: str = Field(max_length=50)
    request: dict[str, JsonValue] = Field(description="The operation's request, as it would be submitted.")
    coming: dict[ArtifactId, Coming] = Field(
        default={}, description="Of the artifacts that the request names, those that do not exist yet."
    )


class JobEstimate(Contract):
    """What one job would take, and what it would make. Null: the service cannot say."""

    calls: Range = Field(
        default=Range(expected=0, low=0, high=0),
        description="To sources: `low` is the fewest that a job makes which succeeds and finds no answer "
        "kept by an earlier one, `high` the most that it may make. Attempts that a source fails and that are "
        "repeated are not counted.",
    )
    tokens: Range = Field(
        default=Range(expected=0, low=0, high=0), description="Prompts and answers of those calls together."
    )
    money: dict[str, Range] = Field(default={}, description="By currency.")
    seconds: Range | None = Field(default=None, description="From the job's start to its end.")
    starting_seconds: float = Field(
        default=0.0, description="Beside them, once, where the worker has just been started."
    )
    makes: Coming = Coming()
    details: CallsEstimate | Plan | None = Field(
        default=None, description="What the service knows beyond that."
    )
