"""Artifacts as they are stored and shown: immutable results named by the digest of what made them."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from pydantic import Field

from shared.contracts.base import ArtifactKind, ArtifactSummary, Contract
from shared.contracts.json_types import JsonObject

S = TypeVar("S", bound=ArtifactSummary)


class Part(Contract):
    """One object of an artifact."""

    name: str
    key: str = Field(description="The object's key, below the artifact's prefix.")
    media_type: str
    bytes: int = Field(ge=0)
    sha256: str
    rows: int | None = Field(default=None, ge=0, description="Number of lines, for JSONL parts.")


class Manifest(Contract):
    """What an artifact is, what made it and from what. Written last: the artifact exists when this does."""

    format: int = Field(
        default=1,
        ge=1,
        exclude_if=lambda format: format == 1,
        description="Of the record; 1 where it is not told.",
    )
    id: str
    kind: ArtifactKind
    operation: str
    version: int
    request: JsonObject
    inputs: dict[str, str] = Field(description="Artifacts it was made from, by role.")
    parts: list[Part]
    summary: JsonObject = Field(description="Small results worth reading without opening a part.")
    software: dict[str, str] = Field(description="Versions of what computed it.")
    job: str
    created_at: datetime

    def summary_as(self, kind: type[S]) -> S:
        """The summary as the class that the operation's request names. Raises pydantic's `ValidationError`,
        a ValueError, when it is of something else."""
        return kind.read(self.summary)

    def figure(self, name: str) -> float | int | None:
        """The number that the summary has under this name; None where it has none. Truth values are no
        numbers."""
        found = self.summary.get(name)
        return found if isinstance(found, int | float) and not isinstance(found, bool) else None

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)
