"""Kinds of fields that several services' models have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shared.contracts.base import Contract

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What numpy, torch and the sources all take."""

Temperature = Annotated[float, Field(ge=0, le=2)]
MOST_TOKENS = 131_072
"""Of one answer."""


class Sampling(Contract):
    """How a source is to sample its answers. Requests inherit it, so its fields stand flat in their JSON, and
    the generator carries it whole to the call (`Params.of`)."""

    temperature: Temperature = 1.0
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=1, le=MOST_TOKENS)


class Range(Contract):
    """An amount that is expected, and the bounds between which it is expected to fall."""

    expected: float
    low: float
    high: float
