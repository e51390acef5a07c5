"""Artifacts as they are stored and shown: immutable results named by the digest of what made them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from shared.contracts.base import ArtifactKind, Contract


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
    request: dict[str, Any]
    inputs: dict[str, str] = Field(description="Artifacts it was made from, by role.")
    parts: list[Part]
    summary: dict[str, Any] = Field(description="Small results worth reading without opening a part.")
    software: dict[str, str] = Field(description="Versions of what computed it.")
    job: str
    created_at: datetime

    def part(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)
