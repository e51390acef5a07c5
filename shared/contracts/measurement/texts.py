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
    groups: list[Annotated[str, StringConstraints(max_length=1000)]] | None = Field(
        default=None,
        max_length=MOST_TEXTS,
        description="What each text came from: a prompt, a context, the text it paraphrases; the contexts "
        "where "
        "unset. Texts of one group are one draw in intervals, and are told from the reference's texts of "
        "that "
        "group.",
    )
    reference_groups: list[Annotated[str, StringConstraints(max_length=1000)]] | None = Field(
        default=None, max_length=MOST_TEXTS, description="The same of each reference text."
    )
    prompts: list[Annotated[str, StringConstraints(max_length=1_000_000)]] | None = Field(
        default=None,
        max_length=MOST_TEXTS,
        description="What was asked for each text: texts that repeat their own prompt are then found.",
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
        for name, groups, texts in (
            ("groups", self.groups, self.texts),
            ("reference_groups", self.reference_groups, self.reference or []),
        ):
            if groups is not None and len(groups) != len(texts):
                raise ValueError(f"{name} names {len(groups)} groups of {len(texts)} texts: one a text")
        if self.prompts is not None and len(self.prompts) != len(self.texts):
            raise ValueError(f"there are {len(self.prompts)} prompts of {len(self.texts)} texts: one a text")
        if self.group_by is not None:
            raise ValueError("texts by themselves have no fields: give groups and reference_groups")
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
