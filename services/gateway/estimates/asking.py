"""Asks the services what their jobs would take (`POST /v1/estimate`): the gateway itself knows none of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from pydantic import JsonValue, ValidationError

from services.gateway.settings import GatewaySettings
from shared.contracts.base import Queue
from shared.contracts.estimates import Coming, EstimateRequest, JobEstimate
from shared.contracts.problems import Problem
from shared.identity import digest

SERVICES = {Queue.GENERATE: "generator", Queue.MEASURE: "metrics", Queue.TRAIN: "trainer"}
"""Queue → the service that works on it, and whose API answers for its operations."""
QUESTION_SECONDS = 15.0
"""One question; a trainer's answer takes a second or two."""


@dataclass(frozen=True)
class Unknown:
    """Why there is no estimate. `refused`: the service answers, and could not run such a job either."""

    why: str
    refused: bool = False


class Estimates:
    """Questions to the services over one HTTP client; equal ones are asked once. What has no answer by
    `until` (of `time.monotonic`) stays unknown."""

    def __init__(
        self,
        settings: GatewaySettings,
        client: httpx.Client,
        until: float = float("inf"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._urls = {queue: getattr(settings, f"{name}_url") for queue, name in SERVICES.items()}
        self._client = client
        self._until = until
        self._clock = clock
        self._answers: dict[str, JobEstimate | Unknown] = {}

    def ask(
        self,
        project: str,
        queue: Queue,
        operation: str,
        request: Mapping[str, JsonValue],
        coming: Mapping[str, Coming],
    ) -> JobEstimate | Unknown:
        """`request` is the operation's, as plain JSON; `coming` are those of its inputs that do not exist."""
        if queue not in SERVICES:
            return Unknown(f"no service answers for {operation}")
        body = EstimateRequest(
            project=project, operation=operation, request=dict(request), coming=dict(coming)
        ).model_dump_json()
        key = digest([queue, body])
        if key not in self._answers:
            self._answers[key] = self._post(queue, body)
        return self._answers[key]

    def _post(self, queue: Queue, body: str) -> JobEstimate | Unknown:
        service, url = SERVICES[queue], self._urls[queue]
        if url is None:
            return Unknown(
                f"this gateway was not told where the {service} service is: an administrator sets "
                f"GAMUT_{service.upper()}_URL"
            )
        left = self._until - self._clock()
        if left <= 0:
            return Unknown(f"there was no time left to ask the {service} service: ask about fewer jobs")
        try:
            answer = self._client.post(
                f"{url.rstrip('/')}/v1/estimate",
                content=body,
                headers={"content-type": "application/json"},
                timeout=min(left, QUESTION_SECONDS),
            )
            if answer.is_client_error:
                return Unknown(_detail(answer), refused=_refuses_the_job(answer))
            return JobEstimate.model_validate_json(answer.raise_for_status().content)
        except (httpx.HTTPError, ValidationError) as error:
            return Unknown(
                f"the {service} service does not answer ({type(error).__name__}): try again in a moment"
            )


def _refuses_the_job(answer: httpx.Response) -> bool:
    """Whether it is the job that is refused, and not the question: a service of another release may not know
    its fields."""
    try:
        faults = Problem.model_validate_json(answer.content).errors
    except ValidationError:
        return False
    asked = {f"/{name}" for name in EstimateRequest.model_fields}
    return answer.status_code == HTTPStatus.UNPROCESSABLE_ENTITY and all(
        fault.pointer not in asked for fault in faults
    )


def _detail(answer: httpx.Response) -> str:
    try:
        return Problem.model_validate_json(answer.content).detail
    except ValidationError:
        return f"the service answered {answer.status_code}"
