"""Merging adapters: one model whose weights are a weighted sum of what several trainings learnt."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from shared.contracts.base import ArtifactId, ArtifactKind, Contract, JobRequest, Queue
from shared.contracts.training.results import ModelSummary

MergeWeight = Annotated[float, Field(ge=-100, le=100)]


class MergePart(Contract):
    """An adapter, and how much of what it learnt goes in."""

    model: ArtifactId
    weight: MergeWeight


class MergeSummary(ModelSummary):
    """The merged adapter: its `rank` is the sum of the ranks of those that went in."""

    rank: int


class MergeRequest(JobRequest):
    """Merge LoRA adapters of one base: W' = W + Σ weight · ΔW, exactly (task arithmetic, arXiv 2212.04089).

    The result is an adapter like any other, to be evaluated, downloaded, served, or trained further; weights
    need not add up to 1. Adapters trained on one pool each, merged by a mixture's weights, stand in for the
    model trained on the mixture (arXiv 2601.17858): how well they do has to be tried on a few mixtures.
    """

    operation: ClassVar[str] = "merge"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.MODEL
    queue: ClassVar[Queue] = Queue.TRAIN
    result: ClassVar[type[MergeSummary]] = MergeSummary

    parts: list[MergePart] = Field(min_length=1, max_length=32)

    def input_artifacts(self) -> dict[str, str]:
        return {f"parts/{place}/model": part.model for place, part in enumerate(self.parts)}

    @model_validator(mode="after")
    def _each_model_once(self) -> Self:
        if len({part.model for part in self.parts}) < len(self.parts):
            raise ValueError("a model stands here twice: give it once, with the sum of its weights")
        return self
