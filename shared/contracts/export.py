"""Exports: a dataset in the form that another tool reads."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from shared.contracts.base import ArtifactId, ArtifactKind, ArtifactSummary, JobRequest, Queue


class ExportSummary(ArtifactSummary):
    """What was written: the part's name, and its rows."""

    part: str
    rows: int


class ExportRequest(JobRequest):
    """Write a dataset as one file for other tools, with a card that says what made it."""

    operation: ClassVar[str] = "export"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.REPORT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[ExportSummary]] = ExportSummary

    dataset: ArtifactId
    form: Literal["jsonl", "parquet", "messages"] = Field(
        default="messages",
        description="`messages`: JSON lines of {messages}, as trainers take them, of any kind but text. "
        "`jsonl`, `parquet`: the rows with all their columns, the context of `qa` put back; in Parquet what "
        "lies deeper than a list of messages is JSON text.",
    )

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset}
