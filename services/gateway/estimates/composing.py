"""What a request or a whole plan would take: the services' own estimates, added up.

A sum is null where one of its jobs is unknown: nothing here is guessed. Wall time is what the coordinator's
own order takes on the workers that the settings name, every job of the plan in it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import httpx

from services.gateway.context import Gateway
from services.gateway.estimates.asking import Estimates, Unknown
from services.gateway.estimates.scheduling import makespan
from services.gateway.estimates.walking import estimated
from services.gateway.experiments.plan import ExperimentPlan
from services.gateway.views import Count, Estimate, MoneyRange
from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.contracts.estimates import JobEstimate
from shared.contracts.fields import Range
from shared.contracts.json_types import JsonObject
from shared.http.connections import UNKEPT
from shared.jobs.inputs import check_inputs

LONGEST_SECONDS = 30.0
"""All questions of one estimate together."""


def estimate_request(gateway: Gateway, project: str, request: JobRequest) -> Estimate:
    """Raises `InputMissing`, as submission does."""
    check_inputs(gateway.store(project), request)
    return _estimate(gateway, project, {"job": request}, None)


def estimate_plan(gateway: Gateway, project: str, plan: ExperimentPlan) -> Estimate:
    """Raises `InputMissing`, as submission does."""
    check_inputs(gateway.store(project), plan.graph.recipe)
    return _estimate(gateway, project, {node.key: node.request for node in plan.nodes.values()}, plan)


def _estimate(
    gateway: Gateway, project: str, requests: Mapping[str, JobRequest], plan: ExperimentPlan | None
) -> Estimate:
    with httpx.Client(limits=UNKEPT) as client:
        asking = Estimates(gateway.settings, client, time.monotonic() + LONGEST_SECONDS)
        answers = dict(estimated(asking, project, gateway.store(project), requests))
    new = {name: requests[name] for name in answers}

    def of(queue: Queue) -> list[JobEstimate] | None:
        """The estimates of this queue's jobs; None when one of them is unknown."""
        found = [answer for name, answer in answers.items() if new[name].queue is queue]
        known = [answer for answer in found if isinstance(answer, JobEstimate)]
        return known if len(known) == len(found) else None

    generating, training, measuring = of(Queue.GENERATE), of(Queue.TRAIN), of(Queue.MEASURE)
    return Estimate(
        jobs=len(requests),
        reused=len(requests) - len(new),
        by_operation=dict(Counter(request.operation for request in new.values())),
        rows=_rows(new, answers),
        calls=None if generating is None else _sum(answer.calls for answer in generating),
        tokens=None if generating is None else _sum(answer.tokens for answer in generating),
        training_seconds=None if training is None else _seconds(training),
        measuring_seconds=None if measuring is None else _seconds(measuring),
        money=None if generating is None else _money(generating),
        wall_seconds=_wall(plan, answers, gateway.settings.workers),
        details={name: detail for name, answer in answers.items() if (detail := _detail(answer)) is not None},
    )


def _rows(new: Mapping[str, JobRequest], answers: Mapping[str, JobEstimate | Unknown]) -> Count | None:
    """Of the datasets that are generated."""
    total = 0
    for name, request in new.items():
        if request.queue is Queue.GENERATE and request.produces is ArtifactKind.DATASET:
            answer = answers[name]
            if isinstance(answer, Unknown) or answer.makes.rows is None:
                return None
            total += answer.makes.rows
    return Count(low=total, high=total)


def _sum(ranges: Iterable[Range], more: float = 0.0) -> Count:
    """`more` is added to the highest value."""
    found = list(ranges)
    return Count(low=round(sum(one.low for one in found)), high=round(sum(one.high for one in found) + more))


def _seconds(answers: Sequence[JobEstimate]) -> Count | None:
    known = [answer.seconds for answer in answers if answer.seconds is not None]
    return _sum(known, _starting(answers)) if len(known) == len(answers) else None


def _starting(answers: Iterable[JobEstimate]) -> float:
    return max((answer.starting_seconds for answer in answers), default=0.0)


def _money(answers: Iterable[JobEstimate]) -> dict[str, MoneyRange]:
    found: dict[str, list[Range]] = {}
    for answer in answers:
        for currency, amount in answer.money.items():
            found.setdefault(currency, []).append(amount)
    return {
        currency: MoneyRange(
            low=sum(amount.low for amount in amounts), high=sum(amount.high for amount in amounts)
        )
        for currency, amounts in found.items()
    }


def _wall(
    plan: ExperimentPlan | None, answers: Mapping[str, JobEstimate | Unknown], workers: Mapping[str, int]
) -> Count | None:
    """Of one job alone it is the job's own time; None where the time of a job is unknown."""
    known = [answer for answer in answers.values() if isinstance(answer, JobEstimate)]
    taken = {
        name: answer.seconds
        for name, answer in answers.items()
        if isinstance(answer, JobEstimate) and answer.seconds is not None
    }
    if len(taken) < len(answers):
        return None
    low, high = (
        makespan(plan, seconds, workers) if plan else sum(seconds.values())
        for seconds in (
            {name: found.low for name, found in taken.items()},
            {name: found.high for name, found in taken.items()},
        )
    )
    return Count(low=round(low), high=round(high + _starting(known)))


def _detail(answer: JobEstimate | Unknown) -> JsonObject | None:
    """What the service knows beyond the sums, or why it said nothing."""
    if isinstance(answer, Unknown):
        return {"unavailable": answer.why}
    return None if answer.details is None else answer.details.model_dump(mode="json")
