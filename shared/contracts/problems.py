"""RFC 9457 problem details: how every Gamut service says that something is wrong."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FieldError(BaseModel):
    """One fault, and where it is."""

    model_config = ConfigDict(frozen=True)

    pointer: str = Field(description="JSON pointer into the request, or `/rows/<n>/<column>` into a dataset.")
    detail: str
    line: int | None = Field(default=None, description="Line of the uploaded file, counted from 1.")


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
