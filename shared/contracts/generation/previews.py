"""What is asked and told before a generation: a few samples, and what it would take."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from shared.contracts.base import Contract
from shared.contracts.fields import Range
from shared.contracts.generation.fields import Name
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest


class PreviewRequest(Contract):
    """Something that could be generated, asked about before it is: exactly one of the two requests."""

    topics: TopicsRequest | None = None
    generation: GenerationRequest | None = None
    samples: int = Field(default=3, ge=1, le=16, description="Preview: candidates to try.")

    @model_validator(mode="after")
    def _is_one_request(self) -> Self:
        if (self.topics is None) == (self.generation is None):
            raise ValueError("exactly one of topics and generation is needed")
        return self

    @property
    def request(self) -> TopicsRequest | GenerationRequest:
        request = self.topics or self.generation
        assert request is not None
        return request


class GenerationPlan(PreviewRequest):
    """The same with the project that holds its artifacts: the gateway fills it in, from the caller's key."""

    project: Name = "default"


class CallsEstimate(Contract):
    """What a generation would take. `assumptions` say where the ranges come from."""

    calls: Range
    tokens_in: Range
    tokens_out: Range
    seconds: Range
    money: dict[str, Range] = Field(description="By currency.")
    tokens_counted_by: str
    assumptions: list[str]


class PreviewedCandidate(Contract):
    """One candidate: the very prompt, the answer, and what became of it."""

    stage: str
    prompt: str
    answer: str
    rows: list[dict[str, object]] = Field(description="Accepted rows (or topics).")
    refused: list[str] = Field(description="Reason and detail of each refusal.")


class Preview(Contract):
    candidates: list[PreviewedCandidate]
    tokens: int = Field(default=0, description="Written by the sources for it.")
