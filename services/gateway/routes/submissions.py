"""`POST /v1/{generations,measurements,…}`: one route for each operation, made from its request class."""

# No `from __future__ import annotations` here: FastAPI reads the classes that the annotations are set to.

from collections.abc import Callable

from fastapi import APIRouter, Response

from services.gateway.access.projects import Project
from services.gateway.catalogue import Operations, UnknownNames
from services.gateway.context import Gateway, InGateway
from services.gateway.estimates.composing import estimate_request
from services.gateway.jobs.submitting import accept
from services.gateway.routes.parameters import IdempotencyKey
from services.gateway.views import Estimate
from shared.contracts.base import JobRequest
from shared.contracts.jobs import Job
from shared.http.service import Responses

COLLECTIONS: dict[str, tuple[str, str]] = {
    "topics": ("topics", "topics"),
    "generate": ("generations", "generation"),
    "measure": ("measurements", "measurement"),
    "compare": ("comparisons", "comparison"),
    "embed": ("embeddings", "embedding"),
    "mix": ("mixtures", "mixture"),
    "sample": ("samples", "sample"),
    "split": ("splits", "split"),
    "filter": ("filterings", "filtering"),
    "deduplicate": ("deduplications", "deduplication"),
    "propose": ("proposals", "proposal"),
    "train": ("trainings", "training"),
    "merge": ("merges", "merge"),
    "evaluate": ("evaluations", "evaluation"),
    "cluster_agent": ("cluster-agent-measurements", "cluster_agent_measurement"),
    "score_clusterings": ("agent-scores", "agent_score"),
    "judge": ("judgements", "judgement"),
    "self_preference": ("self-preference-measurements", "self_preference_measurement"),
    "surface": ("surfaces", "surface"),
    "trace": ("traces", "trace"),
    "export": ("exports", "export"),
    "report": ("reports", "report"),
}
"""Operation → the collection that takes its requests, and one of them."""

ACCEPTED: Responses = {
    200: {"model": Job, "description": "The artifact exists already: the job that made it."},
    202: {
        "model": Job,
        "description": "The job that will make the artifact.",
        "headers": {"Location": {"description": "The job's address.", "schema": {"type": "string"}}},
    },
}


def make_router(operations: Operations) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["jobs"])
    for operation, request in operations.items():
        if operation in COLLECTIONS:
            collection, noun = COLLECTIONS[operation]
            _add(router, collection, noun, request)
    return router


def _add(router: APIRouter, collection: str, noun: str, request: type[JobRequest]) -> None:
    router.add_api_route(
        f"/{collection}",
        _submit_route(request),
        name=f"create_{noun}",
        methods=["POST"],
        status_code=202,
        response_model=Job,
        responses=ACCEPTED,
        summary=f"Start: {_first_line(request)}",
    )
    router.add_api_route(
        f"/{collection}/estimate",
        _estimate_route(request),
        name=f"estimate_{noun}",
        methods=["POST"],
        response_model=Estimate,
        summary=f"What it would take: {_first_line(request)}",
    )


def _submit_route(request: type[JobRequest]) -> Callable[..., Job]:
    def submit(
        body: JobRequest,
        gateway: InGateway,
        project: Project,
        response: Response,
        idempotency_key: IdempotencyKey = None,
    ) -> Job:
        return accept(gateway, project, _completed(gateway, body), response, idempotency_key)

    submit.__annotations__["body"] = request
    submit.__doc__ = request.__doc__
    return submit


def _estimate_route(request: type[JobRequest]) -> Callable[..., Estimate]:
    def estimate(body: JobRequest, gateway: InGateway, project: Project) -> Estimate:
        return estimate_request(gateway, project, _completed(gateway, body))

    estimate.__annotations__["body"] = request
    estimate.__doc__ = "The same body as the request itself; starts nothing and keeps nothing."
    return estimate


def _completed(gateway: Gateway, body: JobRequest) -> JobRequest:
    try:
        return gateway.catalogue.completed(body)
    except UnknownNames as unknown:
        raise unknown.as_problem() from unknown


def _first_line(request: type[JobRequest]) -> str:
    return (request.__doc__ or request.operation).strip().splitlines()[0].rstrip(".")
