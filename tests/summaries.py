"""Summaries of artifacts that tests make up."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, JsonValue

from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactSummary, JobRequest
from tests.data.artifacts import kept_manifests


class AnySummary(ArtifactSummary):
    """Of an operation that only a test has: whatever it says."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]


def summary_of(request: JobRequest, **said: Any) -> ArtifactSummary:
    """What the operation might find: as a real artifact of its kind says, except what is `said`."""
    if request.result is AnySummary:
        return AnySummary(**said)
    kept: Manifest = next(made for made in kept_manifests() if made.operation == request.operation)
    return request.result.read({**kept.summary, **said})
