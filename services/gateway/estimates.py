"""What a request would take, from what is known before anything runs: nothing here is guessed.

Counts follow from the requests; time and memory of a training are the trainer's to say, and are left out
when it cannot be asked or its rows do not exist yet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

from services.gateway.context import Gateway
from services.gateway.experiments.counting import calls_range, rows_asked
from services.gateway.experiments.plan import Plan
from services.gateway.views import Count, Estimate
from shared.artifacts import find_manifest
from shared.contracts.base import JobRequest
from shared.contracts.generation import GenerationRequest
from shared.contracts.training import PlanRequest, TrainingRequest
from shared.identity import artifact_id

PLANS_ASKED = 8
"""Trainings that the trainer is asked about: its answers take a second each, and a sweep's are much alike."""
SECONDS = 15.0


def estimate_request(gateway: Gateway, project: str, request: JobRequest) -> Estimate:
    return _estimate(gateway, project, {"job": request})


def estimate_plan(gateway: Gateway, project: str, plan: Plan) -> Estimate:
    return _estimate(gateway, project, {node.key: node.request for node in plan.nodes.values()})


def _estimate(gateway: Gateway, project: str, requests: Mapping[str, JobRequest]) -> Estimate:
    store = gateway.store(project)
    new = {
        name: request
        for name, request in requests.items()
        if find_manifest(store, artifact_id(request)) is None
    }
    return Estimate(
        jobs=len(requests),
        reused=len(requests) - len(new),
        by_operation=dict(Counter(request.operation for request in new.values())),
        rows=_rows(new.values()),
        calls=_calls(new.values()),
        details=_plans(gateway, project, new),
    )


def _rows(requests: Iterable[JobRequest]) -> Count | None:
    rows = 0
    for request in requests:
        if isinstance(request, GenerationRequest):
            asked = rows_asked(request)
            if asked is None:
                return None
            rows += asked
    return Count(low=rows, high=rows)


def _calls(requests: Iterable[JobRequest]) -> Count | None:
    low = high = 0
    for request in requests:
        found = calls_range(request)
        if found is None:
            return None
        low, high = low + found[0], high + found[1]
    return Count(low=low, high=max(low, high))


def _plans(gateway: Gateway, project: str, requests: Mapping[str, JobRequest]) -> dict[str, Any]:
    url = gateway.settings.trainer_url
    store = gateway.store(project)
    asked = {
        name: request
        for name, request in requests.items()
        if isinstance(request, TrainingRequest)
        and all(find_manifest(store, artifact) for artifact in request.inputs().values())
    }
    if url is None or not asked:
        return {}
    with httpx.Client(base_url=url, timeout=SECONDS) as client:
        return {name: _plan(client, project, asked[name]) for name in list(asked)[:PLANS_ASKED]}


def _plan(client: httpx.Client, project: str, request: TrainingRequest) -> dict[str, Any]:
    try:
        body = PlanRequest(project=project, training=request).model_dump(mode="json")
        answer: dict[str, Any] = client.post("/v1/plan", json=body).raise_for_status().json()
    except (httpx.HTTPError, ValueError) as error:
        return {"unavailable": f"the trainer did not say: {type(error).__name__}"}
    return answer
