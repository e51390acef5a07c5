"""Datasets: the kinds of rows, and how a file becomes one."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from shared.contracts.base import ArtifactKind, ArtifactSummary, Contract, JobRequest, Queue


class DatasetKind(StrEnum):
    """What a row holds.

    `text`: {text}. `completion`: {context, completion}. `qa`: {context_id, question, answer}, with each
    context stored once, in a part of its own. `chat`: {messages, tools} (`shared.contracts.chats`).
    """

    TEXT = "text"
    COMPLETION = "completion"
    QA = "qa"
    CHAT = "chat"


REQUIRED_COLUMNS: dict[DatasetKind, tuple[str, ...]] = {
    DatasetKind.TEXT: ("text",),
    DatasetKind.COMPLETION: ("context", "completion"),
    DatasetKind.QA: ("context_id", "question", "answer"),
    DatasetKind.CHAT: ("messages",),
}
MEASURED_FIELDS: dict[DatasetKind, tuple[str, ...]] = {
    DatasetKind.QA: ("question", "answer"),
    DatasetKind.COMPLETION: ("context", "completion"),
    DatasetKind.TEXT: ("text",),
}
"""What is measured and compared of a row, joined by blanks: the long context of a `qa` row stays out (paper
W, eq. 5 and Table 2). Of a `chat` row it is a choice of turns (`shared.contracts.chats.said`)."""
CONTEXT_COLUMNS = ("context_id", "text")

FileFormat = Literal["auto", "jsonl", "json", "csv", "tsv", "parquet"]
FILE_ENDINGS: dict[str, FileFormat] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
PACKED_ENDINGS = (".gz", ".zst")


def format_of(name: str) -> FileFormat | None:
    """The format that a file's name says, `rows.jsonl.gz` too; None for an ending that is none of ours."""
    lowered = name.lower()
    for packed in PACKED_ENDINGS:
        lowered = lowered.removesuffix(packed)
    return next((said for ending, said in FILE_ENDINGS.items() if lowered.endswith(ending)), None)


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class UploadedFile(Contract):
    """A file that the client puts into the object store itself, named by its content."""

    sha256: Sha256
    bytes: int = Field(ge=1, le=5 * 2**40)
    format: FileFormat = Field(
        default="auto",
        description="What the file's name says. What the file is, its bytes decide: compressed or not, JSON "
        "lines, an array or indented objects, Parquet. Only CSV and TSV are believed.",
    )


class DatasetSummary(ArtifactSummary):
    """What every dataset says of itself."""

    kind: DatasetKind
    rows: int
    contexts: int | None = Field(default=None, description="`qa` only.")
    rejects: int | None = Field(default=None, description="Rows left out; `rejects.jsonl` has them.")
    empty: int | None = Field(
        default=None,
        description="Rows with nothing to learn: a blank text, completion or answer, or no assistant turn. "
        "They are kept; a training refuses or drops them (`rendering.empty`).",
    )
    taken_for: str | None = Field(default=None, description="What an uploaded file was taken for.")
    left_out: dict[str, int] | None = Field(
        default=None, description="What was not kept of an uploaded file's rows: column → rows."
    )


class IngestRequest(JobRequest):
    """Turn uploaded files into a dataset. The id follows from the content, so a second upload is free."""

    operation: ClassVar[str] = "ingest"
    version: ClassVar[int] = 2
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
        description="Where each of our columns is in the file, where it has another name: a column "
        '({"completion": "ending"}), a place inside one ({"answer": "answers.text[0]"}), or several joined '
        '({"context": "{instruction}\\n\\n{input}"}). A `chat` can be made of `prompt` and `completion`, '
        "with `system`.",
        max_length=16,
    )
    ids: Literal["own", "number"] = Field(
        default="own",
        description="`own`: the file's `id` column, and a number where a row has none. `number`: every row "
        "gets its number, whatever the file says.",
    )
