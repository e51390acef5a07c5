"""Settings that every process shares, read from `GAMUT_*` variables and nowhere else.

The embedded mode (a local directory, a local Redis-protocol server) needs none; outside it no secret
has a default, and a process that lacks one says which and does not start.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class CommonSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GAMUT_", frozen=True, extra="ignore")

    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    store: Literal["local", "s3"] = "local"
    data_dir: Path = Path(".gamut")
    public_url: str = "http://127.0.0.1:8000"

    s3_endpoint: str = "object-store:9000"
    s3_public_endpoint: str | None = None
    s3_public_secure: bool | None = None
    s3_access_key: SecretStr | None = None
    s3_secret_key: SecretStr | None = None
    s3_bucket: str = "gamut"
    s3_secure: bool = False
    s3_region: str = "us-east-1"

    lease_seconds: float = 30
    reconcile_seconds: float = 2
    max_attempts: int = 5
    """Attempts in a row that leave no progress behind, before a job fails."""
    max_attempts_in_all: int = 100
    """Attempts that may leave progress behind; those that come after count whatever they do."""

    service: ClassVar[str] = "process"
    """What traces call this process."""
    otlp_endpoint: str | None = None
    """A collector of OpenTelemetry traces, OTLP over HTTP; unset: no traces."""

    log_level: str = "INFO"
    log_format: Literal["json", "console"] = "json"

    @model_validator(mode="after")
    def _secrets_are_given(self) -> Self:
        if self.store == "s3" and not (self.s3_access_key and self.s3_secret_key):
            raise ValueError("GAMUT_S3_ACCESS_KEY and GAMUT_S3_SECRET_KEY must be set when GAMUT_STORE=s3")
        return self

    def url_secret(self) -> str:
        """The embedded store's signing secret: made on first use, readable by its owner only."""
        path = self.data_dir / "url-secret"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_name(f"url-secret.{secrets.token_hex(4)}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(32))
            with contextlib.suppress(FileExistsError):  # another process was first: its secret stands
                os.link(draft, path)
            draft.unlink()
        return path.read_text()
