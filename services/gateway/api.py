"""The public API: `uvicorn --factory services.gateway.api:create_app`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.gateway.access.origins import SameOrigin
from services.gateway.catalogue import Operations
from services.gateway.context import Gateway, make_gateway
from services.gateway.pages.problems import tell_people
from services.gateway.pages.rendering import Pages
from services.gateway.routes import (
    artifacts,
    audit,
    datasets,
    experiments,
    jobs,
    objects,
    pages,
    relays,
    submissions,
)
from services.gateway.settings import GatewaySettings
from shared.assembly import Platform, connect
from shared.contracts.experiment import ExperimentRequest, RecipeCall
from shared.contracts.operations import OPERATIONS
from shared.http.service import Check, make_api
from shared.store.local import LocalStore

VERSION = "1"
DESCRIPTION = """Synthetic training data whose diversity is set, measured, mixed, trained on and answered for.

A POST answers with a job; a job makes one artifact; the same request always finds the same job and artifact.
"""


def create_app(
    settings: GatewaySettings | None = None,
    platform: Platform | None = None,
    operations: Operations = OPERATIONS,
) -> FastAPI:
    settings = settings or GatewaySettings()
    gateway = make_gateway(settings, platform or connect(settings), operations)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await gateway.events.start()
        async with relays.relaying(app):
            yield
        await gateway.events.stop()

    wider = relays.wider_bodies(settings)
    api = make_api("Gamut", DESCRIPTION, VERSION, _checks(gateway), settings.max_body_bytes, lifespan, wider)
    api.add_middleware(SameOrigin)
    api.state.gateway = gateway
    for module in (datasets, experiments, jobs, artifacts, audit):
        api.include_router(module.router)
    api.include_router(submissions.make_router(operations))
    api.include_router(relays.make_router(settings))
    if isinstance(gateway.platform.store, LocalStore):
        api.include_router(objects.make_router(gateway.platform.store))
    api.include_router(pages.make_router(settings))
    tell_people(api, Pages("'self'"))
    api.mount("/static", pages.static)
    api.openapi = lambda: _document(api)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    return api


def _checks(gateway: Gateway) -> dict[str, Check]:
    def queue() -> None:
        gateway.platform.redis.exists("ready")  # a ping fails with the disk that Redis would save to

    def store() -> None:
        gateway.platform.store.put("ready", b"ready", "text/plain")  # a full disk takes empty files

    return {"queue": queue, "store": store}


def _document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI document. The recipe is read by hand, as JSON or YAML, so its schema is added here."""
    if api.openapi_schema is None:
        document = get_openapi(
            title=api.title, version=api.version, description=api.description, routes=api.routes
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for body in (ExperimentRequest, RecipeCall):
            schema = body.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= schema.pop("$defs", {}) | {body.__name__: schema}
        api.openapi_schema = document
    return api.openapi_schema
