"""The services' own synchronous APIs at the gateway's address: asked with the caller's body, answered as they
answer.

These are the calls that take seconds and make no artifact. Everything else is a job.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.concurrency import contextmanager_in_threadpool as in_threads
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue

from services.gateway.access.projects import Project, asking, current_project
from services.gateway.context import InGateway
from services.gateway.settings import GatewaySettings
from shared.contracts.generation.previews import GenerationPlan, Preview, PreviewRequest
from shared.contracts.measurement import MeasureTextsRequest, MeasureTextsResponse
from shared.contracts.training.plans import Plan, PlannedJob, PlanRequest
from shared.errors import ServiceUnavailable
from shared.http.connections import UNKEPT
from shared.jobs.inputs import check_inputs

SECONDS = 300.0
PASSED_ON = ("content-type", "accept")
"""What a service hears of the caller's headers: never the key."""
FILES: JsonSchemaValue = {
    "type": "object",
    "required": ["texts"],
    "properties": {
        "texts": {
            "type": "string",
            "format": "binary",
            "description": "Rows as JSON lines, JSON, CSV, TSV or Parquet, also packed with gzip or zstd.",
        },
        "reference": {
            "type": "string",
            "format": "binary",
            "description": "Real rows that shift is measured from.",
        },
        "options": {"type": "string", "description": "JSON: the other fields of `measure_texts`."},
    },
}


@dataclass(frozen=True)
class Relay:
    """`service` names the setting that holds the service's address; `body` is the body's media type and
    schema, for the OpenAPI document."""

    path: str
    name: str
    service: str
    summary: str
    tag: str
    media_type: str
    schema: JsonSchemaValue


def _whole(model: type[BaseModel]) -> JsonSchemaValue:
    """A model's schema with definitions where it refers to them: the document could not follow those."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def put_in(part: Any) -> Any:
        if isinstance(part, list):
            return [put_in(item) for item in part]
        if not isinstance(part, dict):
            return part
        if "$ref" in part:
            return put_in(definitions[part["$ref"].rpartition("/")[2]])
        return {name: put_in(value) for name, value in part.items()}

    whole: JsonSchemaValue = put_in(schema)
    return whole


RELAYS = (
    Relay(
        "/v1/measure",
        "measure_texts",
        "metrics",
        "Measure texts at once: values as JSON, a page (`Accept: text/html`) or a picture (`image/png`)",
        "measure",
        "application/json",
        _whole(MeasureTextsRequest),
    ),
    Relay(
        "/v1/measure/files",
        "measure_files",
        "metrics",
        "Measure a file of rows, and beside a reference file its shift from that",
        "measure",
        "multipart/form-data",
        FILES,
    ),
)


def make_router(settings: GatewaySettings) -> APIRouter:
    router = APIRouter()
    for relay in RELAYS:
        router.add_api_route(
            relay.path,
            _route(relay, getattr(settings, f"{relay.service}_url")),
            name=relay.name,
            methods=["POST"],
            tags=[relay.tag],
            summary=relay.summary,
            dependencies=[Depends(current_project)],
            response_class=Response,
            responses={200: {"model": MeasureTextsResponse, "description": "What the service answers."}},
            openapi_extra={
                "requestBody": {"required": True, "content": {relay.media_type: {"schema": relay.schema}}}
            },
        )
    _add_plans(router, settings)
    return router


def _add_plans(router: APIRouter, settings: GatewaySettings) -> None:
    """Relays of requests that name artifacts: the service is told whose, and finds no others."""

    @router.post("/v1/preview", tags=["generation"], responses={200: {"model": Preview}})
    async def preview_generation(
        asked: PreviewRequest, project: Project, gateway: InGateway, request: Request
    ) -> Response:
        """A few candidates of a generation, with the very prompts. Tokens are spent, and counted to the key;
        nothing is kept."""
        below = "/topics" if asked.topics else "/generation"
        await run_in_threadpool(check_inputs, gateway.store(project), asked.request, below)
        key = asking.get()
        plan = GenerationPlan(**dict(asked), project=project)
        ask = partial(_ask, request, "generator", settings.generator_url, "/v1/preview", plan)
        if key is None:
            return await ask()
        most = asked.samples * asked.request.most_tokens
        async with in_threads(gateway.quotas.previewing(key, most)) as bill:
            answer = await ask()
            if answer.status_code == HTTPStatus.OK:
                bill.tokens = Preview.model_validate_json(bytes(answer.body)).tokens
        return answer

    @router.post("/v1/plan", tags=["training"], responses={200: {"model": Plan}})
    async def plan_training(
        asked: PlannedJob, project: Project, gateway: InGateway, request: Request
    ) -> Response:
        """What a training or an evaluation would take: tokens, steps, memory and seconds. Nothing is run."""
        below = "/training" if asked.training else "/evaluation"
        await run_in_threadpool(check_inputs, gateway.store(project), asked.request, below)
        plan = PlanRequest(**dict(asked), project=project)
        return await _ask(request, "trainer", settings.trainer_url, "/v1/plan", plan)


def wider_bodies(settings: GatewaySettings) -> dict[str, int]:
    """The paths whose bodies hold texts, and how large those may be."""
    return dict.fromkeys((relay.path for relay in RELAYS), settings.max_measure_bytes)


@asynccontextmanager
async def relaying(api: FastAPI) -> AsyncIterator[None]:
    """The client that asks the services while the app runs."""
    async with httpx.AsyncClient(timeout=httpx.Timeout(SECONDS, connect=5), limits=UNKEPT) as client:
        api.state.relay = client
        yield


def _route(relay: Relay, address: str | None) -> Any:
    async def pass_on(request: Request) -> Response:
        headers = {name: value for name in PASSED_ON if (value := request.headers.get(name))}
        return await _send(request, relay.service, address, relay.path, request.stream(), headers)

    return pass_on


async def _ask(request: Request, service: str, address: str | None, path: str, body: BaseModel) -> Response:
    content = body.model_dump_json().encode()
    return await _send(request, service, address, path, content, {"content-type": "application/json"})


async def _send(
    request: Request,
    service: str,
    address: str | None,
    path: str,
    content: bytes | AsyncIterator[bytes],
    headers: dict[str, str],
) -> Response:
    if address is None:
        raise ServiceUnavailable(
            f"this gateway was not told where the {service} service is: an administrator sets "
            f"GAMUT_{service.upper()}_URL"
        )
    client: httpx.AsyncClient = request.app.state.relay
    try:
        found = await client.post(address.rstrip("/") + path, content=content, headers=headers)
    except httpx.TransportError as error:
        raise ServiceUnavailable(
            f"the {service} service does not answer ({type(error).__name__}): try again in a moment"
        ) from error
    return Response(found.content, found.status_code, media_type=found.headers.get("content-type"))
