"""The gateway's settings, read from `GAMUT_*` variables."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.settings import CommonSettings


class KnownSource(BaseModel):
    """What the gateway needs to know of a source; its address and key are the generator's affair."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str | None = None
    revision: str | None = None


class GatewaySettings(CommonSettings):
    """`sources` and `models` are the same variables as the generator's and the trainer's: with them a name
    that nobody knows is refused when it is posted, not when a worker meets it."""

    api_keys_file: Path | None = Field(
        default=None, description="Keys that may use the API. Unset, in embedded mode only: anybody may."
    )
    sources: dict[str, KnownSource] | None = None
    models: dict[str, object] | None = None
    generator_url: str | None = None
    metrics_url: str | None = None
    trainer_url: str | None = None
    workers: dict[str, int] = Field(
        default={}, description="Jobs that run at once on each queue, for estimates; 1 where it is not named."
    )
    upload_url_seconds: int = 3600
    download_url_seconds: int = 300
    max_body_bytes: int = 2**20
    max_recipe_bytes: int = 2**18

    @model_validator(mode="after")
    def _keys_are_given(self) -> Self:
        if self.store != "local" and self.api_keys_file is None:
            raise ValueError("GAMUT_API_KEYS_FILE must be set when GAMUT_STORE is not local")
        return self
