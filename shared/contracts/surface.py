"""The surface of mixtures: what merged models say of mixtures, checked against a few that were trained."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, ArtifactSummary, Contract, JobRequest, Queue
from shared.contracts.measurement import RunName

GateVerdict = Literal["stands", "refused", "unchecked"]
"""`stands`: merged models rank the trained mixtures as their trainings do, beyond chance. `refused`: they do
not. `unchecked`: too few mixtures were trained to tell."""


class SurfaceMixture(Contract):
    """A mixture as a recipe gathers it: evaluations of its merged model and, where it was trained, of that
    one."""

    name: RunName
    label: RunName | None = None
    axes: dict[str, Any] = Field(default={}, max_length=20)
    merged: ArtifactId | None = Field(default=None, description="Evaluation of the merged model.")
    trained: ArtifactId | None = Field(default=None, description="Evaluation of the model trained on it.")
    stopped: str | None = None


class SurfaceSummary(ArtifactSummary):
    """The gate's verdict and the mixture to take: by the merged models where the surface stands, else the
    best that was trained."""

    mixtures: int
    trained: int
    gate: GateVerdict
    chosen: str
    correlation: float | None
    p: float | None
    regret: float | None = Field(
        description="How much worse the trained mixture is that the merged models rank first than the best "
        "trained one."
    )
    left_out: list[str] = Field(default=[], description="Trained mixtures of which nothing was merged.")


class SurfaceRequest(JobRequest):
    """Whether merged models rank mixtures as trainings do, and the mixture to take.

    Mixtures of one name are one, whose trained losses are averaged: a merged evaluation and those of several
    seeds may be gathered apart.
    """

    operation: ClassVar[str] = "surface"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[SurfaceSummary]] = SurfaceSummary

    mixtures: list[SurfaceMixture] = Field(min_length=1, max_length=1000)
    figure: str = Field(default="loss", max_length=64, description="Of the evaluations: lower is better.")

    def input_artifacts(self) -> dict[str, str]:
        return {
            f"mixtures/{place}/{role}": artifact
            for place, mixture in enumerate(self.mixtures)
            for role in ("merged", "trained")
            if (artifact := getattr(mixture, role)) is not None
        }

    @model_validator(mode="after")
    def _something_is_merged(self) -> Self:
        if all(mixture.merged is None for mixture in self.mixtures):
            raise ValueError("no mixture has the evaluation of a merged model")
        return self
