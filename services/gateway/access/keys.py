"""API keys: who may call, in which project, what for and how much. Kept as digests in one file.

The file is read again when it changes, so that a key is added or taken away without a restart.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from pathlib import Path
from typing import Annotated

import structlog
from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from shared.contracts.base import Contract

log = structlog.get_logger(__name__)
READ = "read"
WRITE = "write"
AUDIT = "audit"
"""Read what was done in the project, and by whom."""
LOOK_SECONDS = 2.0
ProjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Scope = Annotated[str, StringConstraints(pattern=rf"^({READ}|{WRITE}|{AUDIT})$")]


class Quota(Contract):
    """What a key may use; null: no limit."""

    running_jobs: int | None = Field(default=None, ge=1, description="Jobs under way at a time.")
    tokens_a_day: int | None = Field(default=None, ge=1, description="Generated tokens, by UTC day.")


class ApiKey(Contract):
    """One entry of the keys' file: what a key may do, and its digest; the key itself is kept nowhere."""

    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    project: ProjectName
    owner: str = Field(min_length=1, max_length=100)
    scopes: frozenset[Scope] = frozenset({READ, WRITE})
    quota: Quota = Quota()

    @property
    def id(self) -> str:
        """Names the key in records and logs; says nothing of the key that would let anybody in."""
        return key_id(self.digest)


class Caller(Contract):
    """Whoever sent a request. `key`: the id of the key it came with, None for the embedded mode's anybody."""

    project: ProjectName
    owner: str
    scopes: frozenset[str]
    key: str | None = None


ANYBODY = Caller(project="default", owner="anybody", scopes=frozenset({READ, WRITE, AUDIT}))
"""The embedded mode's only caller."""


def new_key() -> str:
    return f"gamut_{secrets.token_urlsafe(32)}"


def key_digest(key: str) -> str:
    """A key has 256 random bits: nothing slower than SHA-256 is needed to keep it from being guessed."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


def key_id(digest: str) -> str:
    return "key-" + digest.removeprefix("sha256:")[:12]


class Keyring:
    """The keys of a file, by digest; or, with no file, anybody."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._looked = time.monotonic()
        self._seen = _changed(file)
        self._keys = _read(file) if file else {}

    def caller(self, key: str | None) -> Caller | None:
        if self._file is None:
            return ANYBODY
        self._look()
        found = self._keys.get(key_digest(key)) if key else None
        if found is None:
            return None
        return Caller(project=found.project, owner=found.owner, scopes=found.scopes, key=found.id)

    def quota(self, key: str) -> Quota | None:
        """By the key's id; None for one that is not in the file any more: what it began may end."""
        self._look()
        return next((found.quota for found in self._keys.values() if found.id == key), None)

    def _look(self) -> None:
        """A file that cannot be read leaves the keys as they are: half an edit locks nobody out."""
        with self._lock:
            if self._file is None or time.monotonic() - self._looked < LOOK_SECONDS:
                return
            self._looked = time.monotonic()
            changed = _changed(self._file)
            if changed == self._seen:
                return
            try:
                self._keys = _read(self._file)
            except (OSError, ValidationError) as error:
                log.warning("keys.not_read", error=type(error).__name__)
                return
            self._seen = changed
            log.info("keys.read_again", keys=len(self._keys))


def _read(file: Path) -> dict[str, ApiKey]:
    return {key.digest: key for key in TypeAdapter(list[ApiKey]).validate_json(file.read_bytes())}


def _changed(file: Path | None) -> tuple[int, int] | None:
    try:
        stat = file.stat() if file else None
    except OSError:
        return None
    return (stat.st_mtime_ns, stat.st_ino) if stat else None
