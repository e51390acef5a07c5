"""Who calls, and in which project. Every route asks here and nowhere else."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Annotated

import anyio.to_thread
import structlog
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBasic, HTTPBasicCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from services.gateway.access.audit import AuditLog
from services.gateway.access.keys import AUDIT, READ, WRITE, Caller, Keyring

log = structlog.get_logger(__name__)
asking: ContextVar[str | None] = ContextVar("asking", default=None)
"""The id of the key that the request at hand came with: what it submits is counted to that key."""

_bearer = HTTPBearer(auto_error=False, description="An API key. Not asked for in embedded mode.")
_basic = HTTPBasic(auto_error=False, description="For browsers: any user name, the API key as password.")


async def current_caller(
    request: Request,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    basic: Annotated[HTTPBasicCredentials | None, Security(_basic)],
) -> Caller:
    """The caller, who may do this. What changes something is in the audit log before it is done."""
    keyring: Keyring = request.app.state.gateway.keyring
    key = bearer.credentials if bearer else basic.password if basic else None
    caller = keyring.caller(key)
    if caller is None:
        log.warning("http.unknown_key" if key else "http.no_key", path=request.url.path)
        detail = "this API key is unknown" if key else "an API key is needed: send it as a bearer token"
        raise HTTPException(401, detail, headers={"WWW-Authenticate": 'Bearer, Basic realm="gamut"'})
    scope = READ if request.method in ("GET", "HEAD") else WRITE
    if scope not in caller.scopes:
        log.warning("http.scope_refused", key=caller.key, scope=scope, path=request.url.path)
        raise HTTPException(403, f"this key may not {scope}; ask its project for one that may")
    if caller.key is not None:
        asking.set(caller.key)
        if scope == WRITE:
            audit: AuditLog = request.app.state.gateway.audit
            await anyio.to_thread.run_sync(audit.write, caller, request.method, request.url.path)
    return caller


def current_project(caller: Annotated[Caller, Depends(current_caller)]) -> str:
    return caller.project


def current_auditor(caller: Annotated[Caller, Depends(current_caller)]) -> str:
    """The project of a caller who may read its audit log."""
    if AUDIT not in caller.scopes:
        raise HTTPException(403, "this key may not audit; ask its project for one with the scope `audit`")
    return caller.project


Project = Annotated[str, Depends(current_project)]
AuditedProject = Annotated[str, Depends(current_auditor)]
