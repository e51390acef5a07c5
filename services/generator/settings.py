"""The generator's settings, from `GAMUT_*` variables."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from services.generator.sources.registry import Registry, SourceSpec
from shared.settings import CommonSettings


class GeneratorSettings(CommonSettings):
    """`GAMUT_SOURCES` is JSON: `{"local": {"base_url": "http://127.0.0.1:8001/v1", "model": "tiny"}}`."""

    service: ClassVar[str] = "generator"
    sources: dict[str, SourceSpec] = Field(default={}, description="Language-model servers by name.")
    source_patience_seconds: float = Field(
        default=900, gt=0, description="How long a job waits, paused, for a source that is away."
    )
    metrics_url: str = Field(default="", description="The metrics service's address, for the diversity dial.")

    def registry(self) -> Registry:
        return Registry(self.sources)
