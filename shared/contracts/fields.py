"""Kinds of fields that several services' models have."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator

from shared.contracts.base import Contract
from shared.contracts.json_types import JsonObject

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What numpy, torch and the sources all take."""

RowField = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,3}$")
]
"""A column of a row, dotted into objects: `context_id`, `origin.topic`."""

Temperature = Annotated[float, Field(ge=0, le=2)]
MOST_TOKENS = 131_072
"""Of one answer."""
USUAL_TOKENS, MOST_FOLLOWING = 512, 4_096
"""Of one answer where nothing is said, and at most where the number follows from what is asked for."""


NOT_EXTRA = frozenset(
    ("model", "messages", "prompt", "seed", "stream", "n", "logprobs", "top_logprobs", "response_format")
)
"""Fields of a call that are the service's own to send."""


class ServerSampling(Contract):
    """Sampling parameters that servers know beside the usual ones; what is not stated is not sent. All are
    part of a call's identity."""

    top_k: int | None = Field(default=None, ge=-1, le=1_000_000)
    min_p: float | None = Field(default=None, ge=0, le=1)
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    repetition_penalty: float | None = Field(default=None, gt=0, le=10)
    stop: list[Annotated[str, StringConstraints(min_length=1, max_length=100)]] = Field(
        default=[], max_length=16, description="Beside those of the plain prompts."
    )
    chat_template_kwargs: JsonObject = Field(
        default={}, description="For the server's chat template: {enable_thinking: false}."
    )
    extra_body: JsonObject = Field(
        default={}, description="Other fields of the body, as its server has them."
    )

    @field_validator("extra_body")
    @classmethod
    def _leaves_the_call_alone(cls, value: JsonObject) -> JsonObject:
        taken = sorted(NOT_EXTRA.intersection(value))
        if taken:
            raise ValueError(f"{', '.join(taken)} cannot be set by extra_body: the service sends it itself")
        return value

    def beyond(self) -> JsonObject:
        """The stated ones as fields of a call's body (`stop` apart)."""
        names = ("top_k", "min_p", "presence_penalty", "frequency_penalty", "repetition_penalty")
        stated: JsonObject = {name: found for name in names if (found := getattr(self, name)) is not None}
        if self.chat_template_kwargs:
            stated["chat_template_kwargs"] = self.chat_template_kwargs
        return stated | self.extra_body


class Sampling(ServerSampling):
    """How a source is to sample its answers. Requests inherit it, so its fields stand flat in their JSON, and
    the generator carries it whole to the call (`Params.and_also`)."""

    temperature: Temperature = 1.0
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int | None = Field(
        default=USUAL_TOKENS,
        ge=1,
        le=MOST_TOKENS,
        description="Of an answer. Null: as many as a row, or a list of topics, that is accepted may take; "
        f"{MOST_FOLLOWING} at most, and {USUAL_TOKENS} where that is not known. Not for models that think.",
    )

    @property
    def most_tokens(self) -> int:
        """Of one answer, whatever follows."""
        return self.max_tokens or MOST_FOLLOWING


class Range(Contract):
    """An amount that is expected, and the bounds between which it is expected to fall."""

    expected: float
    low: float
    high: float
