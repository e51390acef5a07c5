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


EXCESS, P_VALUE = "_excess", "_p"
"""What is added to a shift's name for its excess over what no shift gives, and for that p-value: in
summaries, gates and tables."""


SEEN = 0.05
"""The p-value up to which a shift is said to be seen."""


class NoShift(Contract):
    """What a shift of this size looks like where there is none: the measure of rows whose sides were dealt
    out again at random, and how far the value lies beyond. Finite samples of one source differ: read the
    excess.
    """

    median: float = Field(description="Of the measure over relabelled rows.")
    percentile_95: float = Field(
        description="The value that 95 % of relabellings do not pass; of a measure that falls as shift grows "
        "(MAUVE), the one that 95 % do not fall below."
    )
    excess: float = Field(
        description="The value less the median. Of MAUVE it is negative where there is shift."
    )
    excess_low: float = Field(description="Of the interval of the excess.")
    excess_high: float
    p_value: float = Field(description="(1 + relabellings that reach the value) / (1 + relabellings).")
    relabellings: int
    relabelled: Literal["rows", "groups", "pairs"] = Field(
        description="What changed sides: rows; groups of one prompt, context or text, as a whole; or rows "
        "within "
        "pairs (groups that stand on both sides)."
    )
    seed: int

    @property
    def seen(self) -> bool:
        """Whether a shift is seen: at most 5 % of relabellings reach the value."""
        return self.p_value <= SEEN


class EqualSizeValue(Contract):
    """The value at the size of the smaller side: the mean over random cuts of the larger one."""

    value: float
    rows: int
    draws: int
    seed: int


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
    no_shift: NoShift | None = Field(
        default=None,
        description="Of measures of shift: what no shift looks like at this size, and the excess.",
    )
    equal_size: EqualSizeValue | None = Field(
        default=None, description="Of measures of shift where the sides differ in size by a tenth or more."
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
