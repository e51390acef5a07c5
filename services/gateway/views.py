"""What the public API answers with, beside jobs and manifests themselves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import ConfigDict, Field

from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind, Contract
from shared.contracts.jobs import Job
from shared.contracts.json_types import JsonObject


class JobPage(Contract):
    items: list[Job]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class PartTarget(Contract):
    """One stretch of a file, and the address to PUT it to."""

    number: int
    offset: int
    bytes: int
    url: str


class FileTarget(Contract):
    """Where the parts of one file go."""

    role: Literal["file", "contexts"]
    parts: list[PartTarget]


class DatasetTicket(Contract):
    """What is left to do until the dataset exists.

    PUT each part of each upload to its address, then POST to `/v1/datasets/{id}/complete`. No uploads: the
    store has the bytes already. A job: nothing is left to do but to wait for it, if it has not ended.
    """

    id: str = Field(description="Names this upload.")
    dataset: str = Field(description="The id of the dataset to come: it follows from the content.")
    uploads: list[FileTarget]
    job: Job | None


class ArtifactView(Contract):
    """An artifact in a list."""

    id: str
    kind: ArtifactKind
    operation: str
    summary: JsonObject
    job: str
    created_at: datetime
    unreadable: bool = Field(
        default=False, description="Its manifest cannot be read: a newer version wrote it, or it is damaged."
    )

    @classmethod
    def of(cls, manifest: Manifest) -> ArtifactView:
        return cls(
            id=manifest.id,
            kind=manifest.kind,
            operation=manifest.operation,
            summary=manifest.summary,
            job=manifest.job,
            created_at=manifest.created_at,
        )


class ArtifactPage(Contract):
    items: list[ArtifactView]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class RowPage(Contract):
    rows: list[JsonObject]
    total: int | None = Field(description="Rows of the whole part.")
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class AuditEntry(Contract):
    """Somebody asked for something. Whether it was done, the resource itself tells."""

    time: datetime
    key: str = Field(description="The id of the API key.")
    owner: str
    method: str
    path: str


class AuditPage(Contract):
    items: list[AuditEntry]
    next: str | None = Field(description="Cursor of the next page; null on the last.")


class LineageEdge(Contract):
    """`from` was read to make `to`, as what its `role` says."""

    model_config = ConfigDict(serialize_by_alias=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    role: str


class Lineage(Contract):
    """Everything an artifact was made from, to the roots, and everything that was made from it."""

    artifact: str
    nodes: list[ArtifactView]
    edges: list[LineageEdge]


class ExperimentNode(Contract):
    """One job of an experiment's plan."""

    name: str
    also: list[str] = Field(description="Other names of the same work.")
    step: str
    axes: dict[str, str]
    operation: str
    needs: list[str]
    state: str = Field(description="Its job's state; `waiting` or `blocked` while it has none.")
    job: str | None
    artifact: str | None = Field(description="The artifact, once it exists.")


class Experiment(Contract):
    """An experiment's job and the jobs that it is made of."""

    job: Job
    nodes: list[ExperimentNode]


class Count(Contract):
    """A number that is not known exactly yet."""

    low: int
    high: int


class MoneyRange(Contract):
    low: float
    high: float


class Estimate(Contract):
    """What a request would take, before anything runs. What cannot be known honestly is null."""

    jobs: int = Field(description="Jobs of the whole plan.")
    reused: int = Field(description="Of these, artifacts that exist already and cost nothing.")
    by_operation: dict[str, int] = Field(description="Jobs still to run.")
    rows: Count | None = Field(description="Rows to be generated.")
    calls: Count | None = Field(description="Calls to sources.")
    tokens: Count | None = Field(description="Of generation: prompts and answers together.")
    training_seconds: Count | None = Field(description="Of the trainer's devices, over all its jobs.")
    measuring_seconds: Count | None = Field(
        default=None,
        description="CPU seconds of measuring, comparing, mixing and reporting, by a model of short English "
        "rows on one core: the range is for other machines, other texts and a worker that has yet to start.",
    )
    money: dict[str, MoneyRange] | None = Field(description="Of sources, by currency.")
    wall_seconds: Count | None = Field(
        default=None,
        description="From the first job's start to the last one's end, every job in it, on the workers in "
        "GAMUT_WORKERS. Null when one of the jobs cannot be told.",
    )
    details: JsonObject = Field(description="What the services themselves say of their jobs, by node.")


class RecipeView(Contract):
    """A built-in recipe in a list."""

    name: str
    description: str
    inputs: list[str] = Field(description="Names of the datasets it needs.")
    parameters: JsonObject = Field(description="What can be set otherwise, with its default.")
    sweep: JsonObject = Field(description="Its axes; each can be given other values.")

    @classmethod
    def of(cls, name: str, document: Mapping[str, Any]) -> RecipeView:
        return cls(
            name=name,
            description=document["description"],
            inputs=list(document["inputs"]),
            parameters=document.get("parameters", {}),
            sweep=document["sweep"],
        )


class RecipeList(Contract):
    items: list[RecipeView]
