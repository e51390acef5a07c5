"""`/v1/experiments` and `/v1/recipes`: a study as one document."""

from __future__ import annotations

from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import ValidationError

from services.gateway.access.projects import Project, current_caller
from services.gateway.catalogue import suggestion
from services.gateway.context import Gateway, InGateway
from services.gateway.documents.pointers import faults
from services.gateway.documents.reading import Document, read_document
from services.gateway.estimates.composing import estimate_plan
from services.gateway.experiments.advice import advice_recipe
from services.gateway.experiments.builtin import BUILT_IN, RecipeNotFound, called
from services.gateway.experiments.errors import refuse
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.resuming import resume
from services.gateway.experiments.row_counts import require_advice_rows, require_rows, stored_amounts
from services.gateway.experiments.schema import recipe_schema
from services.gateway.experiments.showing import show_experiment
from services.gateway.jobs.submitting import accept
from services.gateway.routes.parameters import Cursor, IdempotencyKey, JobId, Limit
from services.gateway.routes.submissions import ACCEPTED
from services.gateway.views import Estimate, Experiment, JobPage, RecipeList, RecipeView
from shared.contracts.advice import AdviceRequest
from shared.contracts.experiment import ExperimentRequest, RecipeCall, Resumption
from shared.contracts.jobs import Job, JobRecord
from shared.jobs.records import JobNotFound

router = APIRouter(prefix="/v1", tags=["experiments"])
_SCHEMA = {
    "schema": {
        "oneOf": [
            {"$ref": "#/components/schemas/ExperimentRequest"},
            {"$ref": "#/components/schemas/RecipeCall"},
        ]
    }
}
RECIPE_BODY = {
    "requestBody": {
        "required": True,
        "description": "The recipe, or `{recipe: NAME, …}` for a built-in one (`GET /v1/recipes`). The JSON "
        "Schema of recipes, for editors: `GET /v1/recipes/schema`.",
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
        if "recipe" in document:
            document = called(RecipeCall.model_validate(document), BUILT_IN)
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
    require_rows(expand(recipe, gateway.catalogue), stored_amounts(gateway.store(project)))
    return accept(gateway, project, recipe, response, idempotency_key)


@router.post("/experiments/estimate", openapi_extra=RECIPE_BODY)
def estimate_experiment(recipe: Recipe, gateway: InGateway, project: Project) -> Estimate:
    """What the experiment would take; starts nothing and keeps nothing."""
    return estimate_plan(gateway, project, expand(recipe, gateway.catalogue))


@router.post("/advice", status_code=202, responses=ACCEPTED)
def create_advice(
    body: AdviceRequest,
    gateway: InGateway,
    project: Project,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> Job:
    """Search for the mixture to train on: successive halving over pool × ρ. The job is an experiment."""
    require_advice_rows(body, stored_amounts(gateway.store(project)))
    recipe = advice_recipe(body)
    expand(recipe, gateway.catalogue)
    return accept(gateway, project, recipe, response, idempotency_key)


@router.post("/advice/estimate")
def estimate_advice(body: AdviceRequest, gateway: InGateway, project: Project) -> Estimate:
    """What the search would take; starts nothing and keeps nothing."""
    require_advice_rows(body, stored_amounts(gateway.store(project)))
    return estimate_plan(gateway, project, expand(advice_recipe(body), gateway.catalogue))


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
    return show_experiment(gateway, _experiment(gateway, project, job_id))


@router.post("/experiments/{job_id}/resume", status_code=202)
def resume_experiment(job_id: JobId, body: Resumption, gateway: InGateway, project: Project) -> Job:
    """Go on with an experiment that paused because its budget was spent. 409 when it is not paused."""
    record = _experiment(gateway, project, job_id)
    return gateway.shown(resume(gateway.platform, record, body.budget))


@router.get("/recipes")
def list_recipes() -> RecipeList:
    """The built-in recipes, each a study of the papers: post `{recipe: NAME, inputs: …}` to run one."""
    return RecipeList(items=[RecipeView.of(name, document) for name, document in BUILT_IN.items()])


@router.get("/recipes/schema")
def get_recipe_schema(gateway: InGateway) -> Document:
    """The JSON Schema of recipes, for editors: every operation's fields, and where references may stand."""
    return recipe_schema(gateway.catalogue.operations)


@router.get("/recipes/{name}")
def get_recipe(name: Annotated[str, Path(max_length=48)]) -> Document:
    """A built-in recipe as it stands: to read, or to change and post as one's own."""
    if name not in BUILT_IN:
        raise RecipeNotFound(f"there is no recipe {name!r}{suggestion(name, BUILT_IN)}")
    return BUILT_IN[name]


def _experiment(gateway: Gateway, project: str, job_id: str) -> JobRecord:
    record = gateway.job(project, job_id)
    if record.operation != ExperimentRequest.operation:
        raise JobNotFound(f"{job_id} is no experiment; GET /v1/jobs/{job_id} shows it")
    return record
