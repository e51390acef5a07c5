"""Settings of the metrics service."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.settings import CommonSettings


class MetricsSettings(CommonSettings):
    """`GAMUT_EMBEDDINGS` names the embedding models that requests may ask for: `{"minilm":
    "/models/minilm"}`.

    A value is a folder or a hub id in the sentence-transformers layout. The built-in `hashed-ngrams` is
    always there.
    """

    service: ClassVar[str] = "metrics"
    embeddings: dict[str, str] = Field(default={}, description="Embedding models by name: folder or hub id.")
    measure_workers: int = Field(
        default=1, ge=1, le=256, description="Processes that a large dataset's shards are measured in."
    )
    ray_address: str | None = Field(
        default=None, description="A Ray cluster to measure large datasets on instead (`auto`, `ray://…`)."
    )
    prepared: bool = Field(
        default=False, description="Compile before the first request is taken, not while it waits."
    )
    max_measure_bytes: int = Field(default=32 * 2**20, ge=2**10, description="Body of a synchronous measure.")
