"""Traces: from what a model does worst to the rows it learned from."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field

from shared.contracts.base import ArtifactId, ArtifactKind, ArtifactSummary, JobRequest, Queue
from shared.contracts.measurement import HASHED_NGRAMS, EmbeddingName


class TraceSummary(ArtifactSummary):
    """What was traced to what and, each under its own name, all that the embedding depends on."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str | int | float | bool]

    rows: int
    training_rows: int
    datasets: list[ArtifactId]
    sources: list[str]


class TraceRequest(JobRequest):
    """The test rows with the highest loss, and for each the nearest rows of the model's training data, with
    the prompt, topic, source and seed that those are from."""

    operation: ClassVar[str] = "trace"
    version: ClassVar[int] = 2
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[TraceSummary]] = TraceSummary

    evaluation: ArtifactId = Field(description="The evaluation of a trained model.")
    rows: int = Field(default=20, ge=1, le=1000, description="How many of the worst rows.")
    neighbours: int = Field(default=3, ge=1, le=100, description="Training rows for each of them.")
    embedding: EmbeddingName = Field(
        default=HASHED_NGRAMS, description="What near means: cosine similarity in this embedding."
    )
    precision: Literal["float32", "bfloat16"] = "float32"

    def input_artifacts(self) -> dict[str, str]:
        return {"evaluation": self.evaluation}
