"""RFC 9457 problem details: how every Gamut service says that something is wrong."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field


def pointer(place: Iterable[str | int]) -> str:
    """The JSON pointer (RFC 6901) to the value that these steps lead to, from the document's root."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in place)


class FieldError(BaseModel):
    """One fault, and where it is."""

    model_config = ConfigDict(frozen=True)

    pointer: str = Field(description="JSON pointer into the request, or `/rows/<n>/<column>` into a dataset.")
    detail: str
    line: int | None = Field(default=None, description="Line of the uploaded file, counted from 1.")
    count: int | None = Field(default=None, description="Rows with this fault, where there are several.")
    places: list[int] | None = Field(
        default=None, description="The first of them: lines, or rows from 0 where the file has no lines."
    )


class Problem(BaseModel):
    """`application/problem+json`. `code` is stable and meant for programs; `detail` is meant for people."""

    model_config = ConfigDict(frozen=True)

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    retryable: bool = False
    errors: list[FieldError] = []
