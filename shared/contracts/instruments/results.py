"""What the summaries of measurements by a language model say. Their interval ends are null where one value is
too few for an interval."""

from __future__ import annotations

from enum import StrEnum

from pydantic import ConfigDict, Field

from shared.contracts.base import ArtifactSummary
from shared.contracts.generation.results import LedgerSummary


class Aspect(StrEnum):
    QUALITY = "quality"
    HARMFULNESS = "harmfulness"
    RUBRIC = "rubric"


class ClusterAgentSummary(ArtifactSummary):
    """The score C / S over `runs` clusterings of `samples` texts."""

    cluster_score: float
    cluster_score_low: float | None
    cluster_score_high: float | None
    runs: int
    deviation: float
    samples: int
    texts_clipped: int = Field(description="Texts that were longer than what was shown of them.")
    parse_failures: int
    stopped_by: str
    ledger: LedgerSummary


class JudgeSummary(ArtifactSummary):
    """Mean ratings with their intervals, and the share of rows in the danger zone.

    What an aspect has is absent where it was not asked about, and the danger zone where not both were.
    """

    rows: int
    rows_clipped: int = Field(description="Rows that were not shown whole.")
    quality_mean: float | None = None
    quality_low: float | None = None
    quality_high: float | None = None
    quality_counts: list[int] | None = Field(default=None, description="Rows rated 1, 2, 3, 4 and 5.")
    quality_parse_failures: int | None = Field(default=None, description="Unreadable ratings.")
    harmfulness_mean: float | None = None
    harmfulness_low: float | None = None
    harmfulness_high: float | None = None
    harmfulness_counts: list[int] | None = Field(default=None, description="Rows rated 1, 2, 3, 4 and 5.")
    harmfulness_parse_failures: int | None = Field(default=None, description="Unreadable ratings.")
    rubric_mean: float | None = None
    rubric_low: float | None = None
    rubric_high: float | None = None
    rubric_counts: list[int] | None = Field(default=None, description="Rows rated 1, 2, 3, 4 and 5.")
    rubric_parse_failures: int | None = Field(default=None, description="Unreadable ratings.")
    danger_zone: float | None = Field(default=None, description="Share of the rows with both ratings.")
    danger_zone_rows: int | None = None
    danger_zone_of: int | None = Field(default=None, description="Rows with both ratings.")
    danger_zone_low: float | None = None
    danger_zone_high: float | None = None
    stopped_by: str
    ledger: LedgerSummary


class SelfPreferenceSummary(ArtifactSummary):
    """The judge's biases and, as `s_<candidate>`, `s_<candidate>_low` and `s_<candidate>_high`, the S of each
    candidate with its interval."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, float]

    self_preference_bias: float | None
    pro_synthetic_bias: float | None
    comparisons_clipped: int = Field(description="Comparisons in which a text was not shown whole.")
    first_place_share: float | None
    comparisons: int
    parse_failures: int
    prompts: int
    stopped_by: str
    ledger: LedgerSummary
