"""The shape in which measured values come back, and what the artifacts' summaries say of them."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from shared.contracts.base import ArtifactSummary, Contract


class MeasuredInterval(Contract):
    """A confidence interval. It covers the chance of which rows were drawn, not a measure's bias at this
    size."""

    low: float
    high: float
    level: float
    method: str = Field(description="How it was made: the method that is right for this measure.")
    standard_error: float | None = None
    bias: float | None = Field(
        default=None,
        description="The jackknife's estimate of how far this size shifts the value, of first order; it is "
        "not taken off the value or the limits.",
    )
    replicates: int | None = Field(
        default=None, description="Resamples, or groups that were left out in turn; unset for a formula."
    )
    seed: int | None = Field(default=None, description="Of the draws, where the method draws.")


class MeasuredValue(Contract):
    """One value and what made it. `value` is null where the measure is undefined; `note` then says why."""

    name: str
    value: float | None
    interval: MeasuredInterval | None = None
    interval_note: str = Field(
        default="", description="Why there is no interval, or what the one there is leaves out."
    )
    estimator: dict[str, str | int | float | bool | None] = Field(
        default={},
        description="Formula, tokenizer, embedding, smoothing, seed: all that this value depends on.",
    )
    moves_with_size: bool = Field(
        default=False, description="Compare it between datasets of equal size only."
    )
    note: str = ""


class Measured(Contract):
    """All values of one dataset, and what lists rather than numbers say (clusters, telling rows,
    duplicates)."""

    rows: int
    tokens: int | None = None
    version: int | None = Field(
        default=None, description="Of the measures: values of the same texts compare within one version only."
    )
    values: list[MeasuredValue]
    details: dict[str, object] = {}


class MeasurementSummary(ArtifactSummary):
    """The size of what was measured and, each under its own name, every value that is defined."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    rows: int
    tokens: int | None


class EqualSizes(Contract):
    """The common size at which a group of datasets was measured."""

    by: Literal["rows", "tokens", "none"]
    size: int | None = Field(description="Rows or tokens; null where datasets were taken as they are.")
    cut: list[str] = Field(description="The datasets that were larger, and of which draws were measured.")
    draws: int
    seed: int
    note: str


class ComparisonSummary(ArtifactSummary):
    """The defined values of each dataset of the group, by their names."""

    equal_size: EqualSizes
    datasets: dict[str, dict[str, float]]


class EmbeddingSummary(ArtifactSummary):
    """How many rows were embedded and, each under its own name, all that their vectors depend on."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, str | int | float | bool]

    rows: int

    @property
    def description(self) -> dict[str, str | int | float | bool]:
        """All that the vectors depend on: the embedding, its digest, its precision."""
        return self.__pydantic_extra__


class AgentScoreSummary(ArtifactSummary):
    """The cluster-agent's score D of `rows` clusterings of `samples` texts each."""

    rows: int
    cluster_agent_score: float
    samples: int
