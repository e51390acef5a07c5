"""The gateway's settings, read from `GAMUT_*` variables."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.settings import CommonSettings


class KnownSource(BaseModel):
    """What the gateway needs to know of a source; its address and key are the generator's affair."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str | None = None
    revision: str | None = None
    tokenizer: str | None = None


class GatewaySettings(CommonSettings):
    """`sources` and `models` are the same variables as the generator's and the trainer's: with them a name
    that nobody knows is refused when it is posted, not when a worker meets it."""

    service: ClassVar[str] = "gateway"

    api_keys_file: Path | None = Field(
        default=None, description="Keys that may use the API. Unset, in embedded mode only: anybody may."
    )
    sources: dict[str, KnownSource] | None = None
    models: dict[str, object] | None = None
    metrics_port: int | None = Field(
        default=None,
        ge=1,
        le=65_535,
        description="Where the reconciler serves the suite's metrics.",
    )
    generator_url: str | None = None
    metrics_url: str | None = None
    trainer_url: str | None = None
    workers: dict[str, int] = Field(
        default={}, description="Jobs that run at once on each queue, for estimates; 1 where it is not named."
    )
    upload_url_seconds: int = Field(default=3600, ge=60, le=86_400)
    download_url_seconds: int = Field(default=300, ge=10, le=3600)
    keep_parts_days: float = Field(
        default=7, ge=1, description="Parts that no manifest names; longer than any attempt at a job takes."
    )
    keep_scratch_days: float = Field(
        default=30, ge=1, description="Checkpoints of jobs that never ended well."
    )
    keep_uploads_days: float = Field(default=7, ge=1, description="Uploaded files, once their rows are read.")
    keep_audit_days: float = Field(default=400, ge=1, description="The audit log, and what keys have used.")
    max_body_bytes: int = 2**20
    max_measure_bytes: int = Field(
        default=32 * 2**20, description="Bodies of the synchronous measures, which hold texts."
    )
    max_recipe_bytes: int = 2**18

    @model_validator(mode="after")
    def _keys_are_given(self) -> Self:
        if self.store != "local" and self.api_keys_file is None:
            raise ValueError("GAMUT_API_KEYS_FILE must be set when GAMUT_STORE is not local")
        return self
