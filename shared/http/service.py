"""Makes a service's FastAPI app: problem+json for every error, health, readiness, metrics, body limit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.types import Lifespan

from shared.contracts.problems import FieldError, Problem, pointer
from shared.errors import GamutError
from shared.http.counting import CountRequests
from shared.http.docs import add_docs
from shared.http.doors import HEADERS, Doors, DoorSettings
from shared.http.limits import BodyLimit

log = structlog.get_logger(__name__)
MEDIA_TYPE = "application/problem+json"
RETRY_SOON = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)
Check = Callable[[], None]
"""Raises when what it stands for is not ready."""

Responses = dict[int | str, dict[str, Any]]
"""What a route may answer beside its usual answer, as FastAPI takes it: by status."""
PROBLEM_RESPONSES: Responses = {
    "default": {
        "description": "What is wrong, where, and what to do (RFC 9457).",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        "model": Problem,
    }
}


def make_api(
    title: str,
    description: str,
    version: str,
    checks: Mapping[str, Check],
    max_body_bytes: int = 2**20,
    lifespan: Lifespan[FastAPI] | None = None,
    wider: Mapping[str, int] | None = None,
    doors: DoorSettings | None = None,
) -> FastAPI:
    """`checks` are asked by `/ready`, by name; `/health` only says that the process answers. `doors` are
    those of the environment where none are given.

    `wider` names the paths that take bodies of up to another number of bytes.
    """
    api = FastAPI(
        title=title,
        description=description,
        version=version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=PROBLEM_RESPONSES,
        generate_unique_id_function=lambda route: route.name,
        telemetry={"exclude": _is_untraced, "metrics": False, "logs": False},
    )
    api.add_middleware(BodyLimit, max_bytes=max_body_bytes, wider=wider or {})
    api.add_exception_handler(GamutError, _gamut_error)
    api.add_exception_handler(RequestValidationError, _validation_error)
    api.add_exception_handler(HTTPException, _http_error)
    api.add_exception_handler(Exception, _unexpected_error)
    api.add_middleware(Doors, settings=doors or DoorSettings())
    api.add_middleware(CountRequests)
    add_docs(api)

    @api.get("/health", tags=["operations"])
    def get_health() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @api.get("/ready", tags=["operations"])
    def get_readiness() -> Response:
        """What the process needs answers too; 503 names what does not."""
        failing = {name: type(error).__name__ for name, check in checks.items() if (error := _failure(check))}
        status = 503 if failing else 200
        return JSONResponse({"status": "unavailable" if failing else "ok", "failing": failing}, status)

    @api.get("/metrics", tags=["operations"], response_class=Response)
    def get_metrics() -> Response:
        """Prometheus metrics of this process."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return api


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    return Response(
        problem.model_dump_json(exclude_none=True), problem.status, media_type=MEDIA_TYPE, headers=headers
    )


def field_errors(error: RequestValidationError) -> list[FieldError]:
    """Pydantic's faults as JSON pointers into the body (or the parameter's name)."""
    return [
        FieldError(pointer=_pointer(fault["loc"]), detail=str(fault["msg"])) for fault in error.errors()[:100]
    ]


def _pointer(location: tuple[int | str, ...]) -> str:
    steps = location[1:] if location and location[0] == "body" else location
    return pointer(steps)


async def _gamut_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GamutError)
    problem = error.problem()
    headers = {"Retry-After": "2"} if problem.status in RETRY_SOON else None
    return problem_response(problem, headers)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = field_errors(error)
    return problem_response(
        Problem(
            type="urn:gamut:problem:invalid_request",
            title="Unprocessable Entity",
            status=422,
            detail=f"{len(faults)} field(s) of the request are wrong; correct them and send it again.",
            code="invalid_request",
            errors=faults,
        )
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(_methods(request.app, request.url.path)) or headers.get("allow", "")
    title = HTTPStatus(error.status_code).phrase
    problem = Problem(
        title=title, status=error.status_code, detail=str(error.detail), code=title.lower().replace(" ", "_")
    )
    return problem_response(problem, headers)


def _methods(api: FastAPI, path: str) -> list[str]:
    """What the document says that a path takes: a router alone knows only its first route's methods."""
    paths = api.openapi()["paths"]
    if path in paths:  # a word where other paths have a parameter
        return sorted(method.upper() for method in paths[path])
    found: set[str] = set()
    for template, item in paths.items():
        pattern = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path):
            found |= {method.upper() for method in item}
    return sorted(found)


async def _unexpected_error(request: Request, error: Exception) -> Response:
    log.error("http.unexpected_error", path=request.url.path, error=type(error).__name__, exc_info=error)
    return problem_response(GamutError().problem(), dict(HEADERS))  # answered outside every middleware


def _is_untraced(scope: Any) -> bool:
    """Probes would drown the rest; an address of the embedded store carries its own signature."""
    return str(scope.get("path", "")).startswith(("/health", "/ready", "/metrics", "/objects/"))


def _failure(check: Check) -> Exception | None:
    try:
        check()
    except Exception as error:  # whatever a client raises, its dependency is not ready
        return error
    return None
