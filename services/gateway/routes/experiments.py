"""`/v1/experiments` and `/v1/recipes`: a study as one document."""

from __future__ import annotations

from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import ValidationError

from services.gateway.context import Gateway, InGateway
from services.gateway.documents import read_document
from services.gateway.estimates import estimate_plan
from services.gateway.experiments.errors import refuse
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.schema import recipe_schema
from services.gateway.pointers import faults
from services.gateway.projects import Project, current_caller
from services.gateway.routes.parameters import Cursor, IdempotencyKey, JobId, Limit
from services.gateway.routes.submissions import ACCEPTED
from services.gateway.showing import show_experiment
from services.gateway.submitting import accept
from services.gateway.views import Estimate, Experiment, JobPage
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.jobs import Job
from shared.jobs.records import JobNotFound

router = APIRouter(prefix="/v1", tags=["experiments"])
_SCHEMA = {"schema": {"$ref": "#/components/schemas/ExperimentRequest"}}
RECIPE_BODY = {
    "requestBody": {
        "required": True,
        "description": "The recipe. Its JSON Schema, for editors: `GET /v1/recipes/schema`.",
        "content": {"application/json": _SCHEMA, "application/yaml": _SCHEMA},
    }
}


async def _recipe(
    request: Request, gateway: InGateway, caller: Annotated[object, Depends(current_caller)]
) -> ExperimentRequest:
    body = await request.body()
    return await anyio.to_thread.run_sync(read_recipe, gateway, body, request.headers.get("content-type", ""))


def read_recipe(gateway: Gateway, body: bytes, content_type: str) -> ExperimentRequest:
    """Raises `InvalidRecipe` and `InvalidRequest`, with pointers."""
    document = read_document(body, content_type, gateway.settings.max_recipe_bytes)
    try:
        return ExperimentRequest.model_validate(document)
    except ValidationError as error:
        refuse(faults(error))
        raise AssertionError from error  # refuse has raised


Recipe = Annotated[ExperimentRequest, Depends(_recipe)]


@router.post(
    "/experiments", status_code=202, responses=ACCEPTED, response_model=Job, openapi_extra=RECIPE_BODY
)
def create_experiment(
    recipe: Recipe,
    gateway: InGateway,
    project: Project,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Start an experiment, or go on with it: posted again, it makes only what is missing."""
    expand(recipe, gateway.catalogue)
    return accept(gateway, project, recipe, response, idempotency_key)


@router.post("/experiments/estimate", openapi_extra=RECIPE_BODY)
def estimate_experiment(recipe: Recipe, gateway: InGateway, project: Project) -> Estimate:
    """What the experiment would take; starts nothing and keeps nothing."""
    return estimate_plan(gateway, project, expand(recipe, gateway.catalogue))


@router.get("/experiments")
def list_experiments(
    gateway: InGateway, project: Project, limit: Limit = 20, cursor: Cursor = None
) -> JobPage:
    """The project's experiments, newest first."""
    page = gateway.listing.page(project, limit, cursor, [ExperimentRequest.operation])
    return JobPage(items=[gateway.shown(record) for record in page.records], next=page.next)


@router.get("/experiments/{job_id:job}")
def get_experiment(job_id: JobId, gateway: InGateway, project: Project) -> Experiment:
    """The experiment and how each of its jobs stands."""
    record = gateway.job(project, job_id)
    if record.operation != ExperimentRequest.operation:
        raise JobNotFound(f"{job_id} is no experiment; GET /v1/jobs/{job_id} shows it")
    return show_experiment(gateway, record)


@router.get("/recipes/schema")
def get_recipe_schema(gateway: InGateway) -> dict[str, Any]:
    """The JSON Schema of recipes, for editors: every operation's fields, and where references may stand."""
    return recipe_schema(gateway.catalogue.operations)
