"""Who calls, and in which project. Every route asks here and nowhere else."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from pydantic import Field, StringConstraints, TypeAdapter
from starlette.exceptions import HTTPException

from shared.contracts.base import Contract

READ = "read"
WRITE = "write"
ProjectName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class ApiKey(Contract):
    """One entry of the keys' file: what a key may do, and its digest; the key itself is kept nowhere."""

    digest: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    project: ProjectName
    owner: str = Field(min_length=1, max_length=100)
    scopes: frozenset[str] = frozenset({READ, WRITE})


class Caller(Contract):
    project: ProjectName
    owner: str
    scopes: frozenset[str]


ANYBODY = Caller(project="default", owner="anybody", scopes=frozenset({READ, WRITE}))
"""The embedded mode's only caller."""


def new_key() -> str:
    return f"gamut_{secrets.token_urlsafe(32)}"


def key_digest(key: str) -> str:
    """A key has 256 random bits: nothing slower than SHA-256 is needed to keep it from being guessed."""
    return f"sha256:{hashlib.sha256(key.encode()).hexdigest()}"


class Keyring:
    """The keys of a file, by digest; or, with no file, anybody."""

    def __init__(self, file: Path | None) -> None:
        self._open = file is None
        keys = TypeAdapter(list[ApiKey]).validate_json(file.read_bytes()) if file else []
        self._callers = {
            key.digest: Caller(project=key.project, owner=key.owner, scopes=key.scopes) for key in keys
        }

    def caller(self, key: str | None) -> Caller | None:
        if self._open:
            return ANYBODY
        return self._callers.get(key_digest(key)) if key else None


_bearer = HTTPBearer(auto_error=False, description="An API key. Not asked for in embedded mode.")
_basic = HTTPBasic(auto_error=False, description="For browsers: any user name, the API key as password.")


def current_caller(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    basic: Annotated[HTTPBasicCredentials | None, Security(_basic)],
) -> Caller:
    keyring: Keyring = request.app.state.gateway.keyring
    key = bearer.credentials if bearer else basic.password if basic else None
    caller = keyring.caller(key)
    if caller is None:
        detail = "this API key is unknown" if key else "an API key is needed: send it as a bearer token"
        raise HTTPException(401, detail, headers={"WWW-Authenticate": 'Bearer, Basic realm="gamut"'})
    scope = READ if request.method in ("GET", "HEAD") else WRITE
    if scope not in caller.scopes:
        raise HTTPException(403, f"this key may not {scope}; ask its project for one that may")
    return caller


def current_project(caller: Annotated[Caller, Depends(current_caller)]) -> str:
    return caller.project


Project = Annotated[str, Depends(current_project)]
