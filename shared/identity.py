"""Names that follow from content: the one idea that carries everything else.

An artifact's id is the SHA-256 of (kind, operation, version, canonical request), cut to 128 bits; the
request names its input artifacts, so their ids are in it. Among n artifacts the chance that any two
share an id is below n²/2¹²⁹.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from shared.contracts.base import ArtifactKind, JobRequest


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys, no spaces and no NaN: equal values give equal bytes."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value)).hexdigest()[:32]


def artifact_id(request: JobRequest) -> str:
    """The artifact that this request makes, whoever makes it and whenever."""
    return artifact_of(request.produces, request.operation, request.version, request.canonical())


def artifact_of(kind: ArtifactKind, operation: str, version: int, canonical: dict[str, Any]) -> str:
    """The same of a request as its job's record keeps it."""
    made_by = {"kind": kind, "operation": operation, "version": version, "request": canonical}
    return f"{kind}-{digest(made_by)}"


def job_id(project: str, request: JobRequest) -> str:
    """The job that makes this request's artifact for a project: posting it twice finds the same job."""
    made_by = {
        "project": project,
        "operation": request.operation,
        "version": request.version,
        "request": request.canonical(),
    }
    return f"job-{digest(made_by)}"
