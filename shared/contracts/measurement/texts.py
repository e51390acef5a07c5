"""Texts in, values out, at once."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.base import Contract
from shared.contracts.measurement.requests import MeasureOptions, PictureName
from shared.contracts.measurement.results import Measured

MOST_TEXTS = 20_000
"""Texts (and reference texts) that are measured at once; more are measured as a job."""


class MeasureTextsRequest(MeasureOptions):
    """Texts in, values out, at once. Upload a dataset and post a measurement for more than a few thousand
    texts."""

    texts: list[Annotated[str, StringConstraints(max_length=1_000_000)]] = Field(max_length=MOST_TEXTS)
    reference: list[Annotated[str, StringConstraints(max_length=1_000_000)]] | None = Field(
        default=None, max_length=MOST_TEXTS, description="Real texts that shift is measured from."
    )
    test: list[Annotated[str, StringConstraints(max_length=1_000_000)]] | None = Field(
        default=None, max_length=MOST_TEXTS, description="Test texts that must not be found in the texts."
    )
    contexts: list[Annotated[str, StringConstraints(max_length=1000)]] | None = Field(
        default=None,
        max_length=MOST_TEXTS,
        description="The name of each text's context: Distinct-n is then also summed over contexts.",
    )
    picture: PictureName | None = Field(
        default=None, description="Also draw this; it comes back as base64 PNG with its data."
    )

    @model_validator(mode="after")
    def _has_what_its_metrics_need(self) -> Self:
        self.require(reference=self.reference is not None, test=self.test is not None)
        if self.contexts is not None and len(self.contexts) != len(self.texts):
            raise ValueError(
                f"contexts names {len(self.contexts)} contexts of {len(self.texts)} texts: one a text"
            )
        return self


class DrawnPicture(Contract):
    """A picture as base64 PNG, and the numbers it shows."""

    name: str
    title: str
    alt: str
    png_base64: str
    data: list[dict[str, str | int | float | None]]


class MeasureTextsResponse(Contract):
    """The values, and the picture that was asked for."""

    measured: Measured
    picture: DrawnPicture | None = None
