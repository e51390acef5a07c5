"""Datasets: the three kinds of rows, and how a file becomes one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from shared.contracts.base import ArtifactKind, ArtifactSummary, Contract, JobRequest, Queue


class DatasetKind(StrEnum):
    """What a row holds.

    `text`: {text}. `completion`: {context, completion}. `qa`: {context_id, question, answer}, with each
    context stored once, in a part of its own.
    """

    TEXT = "text"
    COMPLETION = "completion"
    QA = "qa"


REQUIRED_COLUMNS: dict[DatasetKind, tuple[str, ...]] = {
    DatasetKind.TEXT: ("text",),
    DatasetKind.COMPLETION: ("context", "completion"),
    DatasetKind.QA: ("context_id", "question", "answer"),
}
MEASURED_FIELDS: dict[DatasetKind, tuple[str, ...]] = {
    DatasetKind.QA: ("question", "answer"),
    DatasetKind.COMPLETION: ("context", "completion"),
    DatasetKind.TEXT: ("text",),
}
"""What is measured and compared of a row, joined by blanks: the long context of a `qa` row stays out (paper
W, eq. 5 and Table 2)."""
CONTEXT_COLUMNS = ("context_id", "text")

FileFormat = Literal["jsonl", "json", "csv", "parquet"]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UploadedFile(Contract):
    """A file that the client puts into the object store itself, named by its content."""

    sha256: Sha256
    bytes: int = Field(ge=1, le=5 * 2**40)
    format: FileFormat


class DatasetSummary(ArtifactSummary):
    """What every dataset says of itself."""

    kind: DatasetKind
    rows: int
    contexts: int | None = Field(default=None, description="`qa` only.")
    rejects: int | None = Field(default=None, description="Rows left out; `rejects.jsonl` has them.")


class IngestRequest(JobRequest):
    """Turn uploaded files into a dataset. The id follows from the content, so a second upload is free."""

    operation: ClassVar[str] = "ingest"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.DATASET
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[DatasetSummary]] = DatasetSummary

    kind: DatasetKind
    file: UploadedFile
    contexts: UploadedFile | None = Field(
        default=None,
        description="`qa` only: the contexts, {context_id, text}; else a `context` column in the rows.",
    )
    columns: dict[str, str] = Field(
        default={},
        description='The file\'s name of each column, where it differs: {"completion": "ending"}.',
        max_length=16,
    )
