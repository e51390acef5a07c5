"""What each job of a plan would take, before anything runs: as the services themselves say it of generating
and training, and as a model of ours says it of measuring (`measuring_cost`).

A training whose rows do not exist yet is priced on the real rows that the recipe starts from, in proportion
to the rows it will have; sweeps are much alike, so what differs in its seed only is asked about once.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.gateway.estimates.amounts import Amounts
from services.gateway.estimates.measuring_cost import measuring_seconds
from shared.artifacts import find_manifest
from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.contracts.generation.previews import GenerationPlan
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.instruments import (
    ClusterAgentRequest,
    InstrumentPlan,
    JudgeRequest,
    SelfPreferenceRequest,
)
from shared.contracts.training.plans import PlanRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.identity import artifact_id, digest
from shared.store.base import ObjectStore

Instrument = ClusterAgentRequest | JudgeRequest | SelfPreferenceRequest
ASKED_SECONDS = 15.0
LONGEST_SECONDS = 30.0
"""All questions of one estimate together; a trainer's answer takes a second or two. What is not answered by
then stays untold."""
WIDER = (0.5, 2.0)
"""What is scaled from other rows is told with a range so much wider: rows differ in length."""


@dataclass(frozen=True)
class Taken:
    """Low and high of what a job takes; money by currency."""

    seconds: tuple[float, float] = (0.0, 0.0)
    tokens: tuple[float, float] = (0.0, 0.0)
    money: Mapping[str, tuple[float, float]] = field(default_factory=dict)


class Costing:
    """Asks the generator and the trainer; `unavailable` gathers what they did not say."""

    def __init__(
        self, project: str, store: ObjectStore, generator_url: str | None, trainer_url: str | None
    ) -> None:
        self._project = project
        self._store = store
        self._urls = {"generator": generator_url, "trainer": trainer_url}
        self._asked: dict[str, Any] = {}
        self._until = time.monotonic() + LONGEST_SECONDS
        self.details: dict[str, Any] = {}

    def taken(self, requests: Mapping[str, JobRequest], known: Mapping[str, JobRequest]) -> dict[str, Taken]:
        """What each of `requests` takes, where it can be told. `known`: every request of the plan by the
        artifact it makes, those that exist among them."""
        found: dict[str, Taken] = {}
        amounts = Amounts(self._store, known)
        with httpx.Client() as client:
            for name, request in requests.items():
                if isinstance(request, GenerationRequest | TopicsRequest):
                    said, factor = self._generation(client, request, amounts)
                    told = _generation_taken(said, factor) if said else None
                elif isinstance(request, Instrument):
                    said, factor = self._instrument(client, request, amounts)
                    told = _generation_taken(said, factor) if said else None
                elif isinstance(request, TrainingRequest | EvaluationRequest):
                    said, factor = self._training(client, request, known, amounts)
                    told = _training_taken(said, factor) if said else None
                elif request.queue is Queue.MEASURE:
                    if (seconds := measuring_seconds(request, amounts.of)) is not None:
                        found[name] = Taken(seconds)
                    continue
                else:
                    continue
                self.details[name] = said or {"unavailable": "the service did not say"}
                if told:
                    found[name] = told
        return found

    def _generation(
        self, client: httpx.Client, request: GenerationRequest | TopicsRequest, amounts: Amounts
    ) -> tuple[dict[str, Any] | None, float | None]:
        field_name = "topics" if isinstance(request, TopicsRequest) else "generation"
        plain = _without_adapters(request.model_copy(update={"seed": 0}))
        factor = None
        if isinstance(plain, GenerationRequest):
            plain, factor = self._with_rows_that_exist(plain, amounts)
        elif plain.examples and self._summary(plain.examples) is None:
            plain, factor = plain.model_copy(update={"examples": amounts.like(plain.examples)}), 1.0
        plan = GenerationPlan.model_validate({"project": self._project, field_name: plain})
        return self._ask(client, "generator", "/v1/estimate", plan.model_dump(mode="json")), factor

    def _with_rows_that_exist(
        self, request: GenerationRequest, amounts: Amounts
    ) -> tuple[GenerationRequest, float | None]:
        """Examples, prompts and held-out rows that are still to be made are taken to be like others. As many
        rows as it is to have, it has; only answers to prompts are as many as the prompts."""
        held_out = request.acceptance.held_out
        like = {
            name: amounts.like(name)
            for name in (request.examples, request.prompts, held_out)
            if name is not None and self._summary(name) is None
        }
        if not like:
            return request, None
        changed = request.model_copy(
            update={
                "examples": like.get(request.examples or "", request.examples),
                "prompts": like.get(request.prompts or "", request.prompts),
                "acceptance": request.acceptance.model_copy(
                    update={"held_out": like.get(held_out or "", held_out)}
                ),
            }
        )
        if request.rows is None and request.prompts in like:
            coming, there = amounts.rows(request.prompts), amounts.rows(str(changed.prompts))
            return changed, coming / there if coming and there else 1.0
        return changed, 1.0

    def _instrument(
        self, client: httpx.Client, request: Instrument, amounts: Amounts
    ) -> tuple[dict[str, Any] | None, float | None]:
        """Rows that do not exist yet are taken to be like the largest dataset that does."""
        read = [name for name in request.input_artifacts().values() if name.startswith("dataset-")]
        changes: dict[str, Any] = {"seed": 0}
        factor = None
        if any(self._summary(name) is None for name in read):
            stand_in = amounts.like(next(name for name in read if self._summary(name) is None))
            if stand_in is None:
                return None, None
            there, coming = amounts.rows(stand_in), [amounts.rows(name) for name in read]
            if isinstance(request, SelfPreferenceRequest):
                changes["candidates"] = dict.fromkeys(request.candidates, stand_in)
                asked = request.prompts
            else:
                changes["dataset"] = stand_in
                # The agent's runs are as many, whatever the rows.
                asked = request.rows if isinstance(request, JudgeRequest) else 1
            counts = [min(size, asked or size) for size in (there, *coming) if size]
            factor = min(counts[1:]) / counts[0] if len(counts) == len(coming) + 1 else 1.0
        if isinstance(request, SelfPreferenceRequest):
            changes["judge"] = request.judge.model_copy(update={"adapter": None})
        else:
            changes["source"] = request.source.model_copy(update={"adapter": None})
        plan = InstrumentPlan.model_validate(
            {"project": self._project, request.operation: request.model_copy(update=changes)}
        )
        said = self._ask(client, "generator", "/v1/instruments/estimate", plan.model_dump(mode="json"))
        return said, factor

    def _training(
        self,
        client: httpx.Client,
        request: TrainingRequest | EvaluationRequest,
        known: Mapping[str, JobRequest],
        amounts: Amounts,
    ) -> tuple[dict[str, Any] | None, float | None]:
        changes: dict[str, Any] = {}
        factor = None
        if self._summary(request.dataset) is None:
            stand_in = amounts.like(request.dataset)
            if stand_in is None:
                return None, None
            changes["dataset"] = stand_in
            coming, there = amounts.rows(request.dataset), amounts.rows(stand_in)
            factor = coming / there if coming and there else 1.0
        if isinstance(request, TrainingRequest):
            changes |= {"seed": 0, "test": None}
            if request.base_model is not None and self._summary(request.base_model) is None:
                return None, None
            factor = None if request.settings.max_steps else factor
            plan = PlanRequest(project=self._project, training=request.model_copy(update=changes))
        else:
            base = request.base or _base_of(request.model, known)
            if base is None:
                return None, None
            changes |= {"base": base, "model": None, "compare": None}
            plan = PlanRequest(project=self._project, evaluation=request.model_copy(update=changes))
        return self._ask(client, "trainer", "/v1/plan", plan.model_dump(mode="json")), factor

    def _ask(
        self, client: httpx.Client, service: str, path: str, body: dict[str, Any]
    ) -> dict[str, Any] | None:
        url = self._urls[service]
        key = digest([service, body])
        if key not in self._asked:
            left = self._until - time.monotonic()
            if url is None or left <= 0:
                return None
            try:
                told = client.post(f"{url}{path}", json=body, timeout=min(left, ASKED_SECONDS))
                answer = told.raise_for_status().json()
            except (httpx.HTTPError, ValueError):
                answer = None
            self._asked[key] = answer
        found: dict[str, Any] | None = self._asked[key]
        return found

    def _summary(self, artifact: str) -> dict[str, Any] | None:
        manifest = find_manifest(self._store, artifact)
        return manifest.summary if manifest else None


def _without_adapters(request: GenerationRequest | TopicsRequest) -> GenerationRequest | TopicsRequest:
    """An adapter that is still to be trained costs what its base does."""
    if isinstance(request, TopicsRequest):
        return request.model_copy(update={"source": request.source.model_copy(update={"adapter": None})})
    sources = [ref.model_copy(update={"adapter": None}) for ref in request.sources]
    return request.model_copy(update={"sources": sources})


def by_artifact(requests: Mapping[str, JobRequest]) -> dict[str, JobRequest]:
    return {artifact_id(request): request for request in requests.values()}


def _base_of(model: str | None, known: Mapping[str, JobRequest]) -> str | None:
    request = known.get(model) if model else None
    if not isinstance(request, TrainingRequest) or request.produces is not ArtifactKind.MODEL:
        return None
    return request.base or _base_of(request.base_model, known)


def _scale(factor: float | None) -> tuple[float, float]:
    """What low and high are multiplied by; `factor` is None where the rows themselves were asked about."""
    return (1.0, 1.0) if factor is None else (factor * WIDER[0], factor * WIDER[1])


def _generation_taken(said: Mapping[str, Any], factor: float | None) -> Taken:
    low, high = _scale(factor)

    def bounds(value: Mapping[str, float]) -> tuple[float, float]:
        return value["low"] * low, value["high"] * high

    sent, written = bounds(said["tokens_in"]), bounds(said["tokens_out"])
    money = {currency: bounds(amount) for currency, amount in said["money"].items()}
    return Taken(bounds(said["seconds"]), (sent[0] + written[0], sent[1] + written[1]), money)


def _training_taken(said: Mapping[str, Any], factor: float | None) -> Taken:
    low, high = _scale(factor)
    return Taken((said["seconds"]["low"] * low, said["seconds"]["high"] * high))
