"""The trainer's own small API: what a job would take, before anything runs.

`uvicorn --factory services.trainer.api:create_app`. The plan's modules (torch, transformers) are imported
with the first plan, so that the process answers health checks at once; with `GAMUT_PREPARED` before it
serves, so that no request waits for them.
"""

from __future__ import annotations

import importlib

from fastapi import FastAPI

from services.trainer.settings import TrainerSettings
from shared.artifacts import project_store
from shared.assembly import Platform, connect
from shared.contracts.base import JobRequest
from shared.contracts.estimates import JobEstimate
from shared.contracts.training.merging import MergeRequest
from shared.contracts.training.plans import Plan, PlanRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.estimates import Estimator, KnownInputs, add_estimates
from shared.http.service import make_api

DESCRIPTION = "Plans of trainings and evaluations: tokens, steps, memory and seconds before anything runs."

ROWS_SHOWN = 3
"""Rows of a plan that are shown as the model reads them."""


def create_api(settings: TrainerSettings, platform: Platform) -> FastAPI:
    """The app on these connections."""
    api = make_api(
        "Gamut trainer",
        DESCRIPTION,
        "1",
        {"store": lambda: _ask(platform.store.head("ready")), "redis": lambda: _ask(platform.redis.ping())},
    )

    @api.post("/v1/plan", tags=["plans"])
    def create_plan(request: PlanRequest) -> Plan:
        """What this training or evaluation would take on the worker's machine. Nothing is run, and nothing is
        stored.
        """
        from services.trainer.operations.plan import price
        from services.trainer.planning.machine import announced, this_machine

        machine = announced(platform.store) or this_machine(settings)
        store = project_store(platform.store, request.project)
        return price(settings, store, request.request, machine, shown=ROWS_SHOWN)

    def estimate(request: TrainingRequest | EvaluationRequest, known: KnownInputs) -> JobEstimate:
        from services.trainer.operations import estimates
        from services.trainer.planning.machine import announced, this_machine

        return estimates.estimate(
            settings, announced(platform.store) or this_machine(settings), request, known
        )

    def estimate_merge(request: MergeRequest, known: KnownInputs) -> JobEstimate:
        from services.trainer.operations import estimates

        return estimates.estimate_merge(request, known)

    estimators: dict[type[JobRequest], Estimator] = {
        TrainingRequest: estimate,
        EvaluationRequest: estimate,
        MergeRequest: estimate_merge,
    }
    add_estimates(api, platform.store, estimators)
    return api


def _ask(_answer: object) -> None:
    """That there was an answer is all that readiness needs."""


def create_app() -> FastAPI:
    """The app as a process serves it, from `GAMUT_*` settings."""
    settings = TrainerSettings()
    if settings.prepared:
        importlib.import_module("services.trainer.operations.plan")
    return create_api(settings, connect(settings))
