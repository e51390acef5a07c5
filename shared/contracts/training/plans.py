"""What a training or an evaluation would take."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from shared.contracts.base import Contract
from shared.contracts.fields import Range
from shared.contracts.training.fields import LaidOut
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.contracts.training.results import RenderingCounts


class PlannedJob(Contract):
    """A training or an evaluation to be priced: exactly one of them."""

    training: TrainingRequest | None = None
    evaluation: EvaluationRequest | None = None

    @model_validator(mode="after")
    def _one_job(self) -> Self:
        if (self.training is None) == (self.evaluation is None):
            raise ValueError("name exactly one of training and evaluation")
        return self

    @property
    def request(self) -> TrainingRequest | EvaluationRequest:
        request = self.training or self.evaluation
        assert request is not None
        return request


class PlanRequest(PlannedJob):
    """The same with the project that holds its artifacts: the gateway fills it in, from the caller's key."""

    project: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class RenderedPiece(Contract):
    """Consecutive tokens of a row as text, and whether the loss is on them."""

    text: str
    learned: bool


class RenderedRow(Contract):
    """A row as the model reads it; a long piece is shortened in its middle."""

    row: str
    pieces: list[RenderedPiece]


class Plan(Contract):
    """What a job would take, computed before anything runs."""

    rows: int
    tokens: int = Field(description="Tokens of all rows, over all epochs.")
    computed_tokens: int = Field(
        description="Positions the model computes for them, as the rows are laid out."
    )
    steps: int
    batching: LaidOut
    parameters: int
    trainable_parameters: int
    memory_bytes: Range = Field(description="Peak memory of the training process on its device.")
    memory_available: int = Field(description="Bytes the device has for it.")
    seconds: Range
    fits: bool
    advice: list[str] = Field(
        default=[], description="What would make it fit, or cheaper, and what is likely not meant."
    )
    rendering: RenderingCounts
    examples: list[RenderedRow] = Field(
        default=[], description="The first rows as the model reads them, the learned part marked."
    )
