"""A wanted diversity, and how it is sought."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.contracts.base import Contract
from shared.contracts.generation.fields import Name


class DialMetric(StrEnum):
    DISTINCT_5 = "distinct_5"
    VENDI = "vendi"
    SELF_BLEU = "self_bleu"


class ShiftBudget(Contract):
    metric: Name = "js_unigram"
    at_most: float = Field(ge=0)


class DialTarget(Contract):
    """The diversity that the dataset is to have; the controller moves `knob` between rounds to reach it."""

    metric: DialMetric = DialMetric.DISTINCT_5
    value: float
    tolerance: float = Field(default=0.01, gt=0)
    knob: Literal["topic_count", "replaced", "weights"] = "topic_count"
    shift: ShiftBudget | None = Field(default=None, description="Needs `examples` as the real reference.")
    max_rounds: int = Field(default=16, ge=2, le=200, description="Probes and full datasets together.")
    when_missed: Literal["fail", "closest"] = Field(
        default="fail",
        description="What to do when the target cannot be reached: end the job with the reason, or keep the "
        "closest dataset, whose summary says that and why it missed.",
    )
    probe_rows: int = Field(
        default=200,
        ge=20,
        le=100_000,
        description="Rows made and measured at a setting before it is trusted.",
    )
