"""What a request would take, from what is known before anything runs: nothing here is guessed.

Counts follow from the requests; tokens, money and seconds of generating and training are the services' to
say, and are null when one of them does not; seconds of measuring are a model's (`measuring_cost`). Wall time
is what the coordinator's own order takes on the workers that the settings name, every job of the plan in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from services.gateway.context import Gateway
from services.gateway.estimates.amounts import Amounts
from services.gateway.estimates.costing import Costing, Taken, by_artifact
from services.gateway.estimates.counting import Rows, calls_range
from services.gateway.estimates.measuring_cost import STARTING
from services.gateway.estimates.scheduling import makespan
from services.gateway.experiments.plan import Plan
from services.gateway.views import Count, Estimate, MoneyRange
from shared.artifacts import find_manifest
from shared.contracts.base import JobRequest, Queue
from shared.contracts.generation.request import GenerationRequest
from shared.identity import artifact_id


def estimate_request(gateway: Gateway, project: str, request: JobRequest) -> Estimate:
    return _estimate(gateway, project, {"job": request}, None)


def estimate_plan(gateway: Gateway, project: str, plan: Plan) -> Estimate:
    return _estimate(gateway, project, {node.key: node.request for node in plan.nodes.values()}, plan)


def _estimate(
    gateway: Gateway, project: str, requests: Mapping[str, JobRequest], plan: Plan | None
) -> Estimate:
    store = gateway.store(project)
    new = {
        name: request
        for name, request in requests.items()
        if find_manifest(store, artifact_id(request)) is None
    }
    settings = gateway.settings
    amounts = Amounts(store, by_artifact(requests))
    costing = Costing(project, store, settings.generator_url, settings.trainer_url)
    taken = costing.taken(new, by_artifact(requests))

    def told(*queues: Queue) -> list[Taken] | None:
        """What the jobs of these queues take; None when one of them cannot be told."""
        asked = [name for name, request in new.items() if request.queue in queues]
        return [taken[name] for name in asked] if all(name in taken for name in asked) else None

    calling, training, measuring = told(Queue.GENERATE), told(Queue.TRAIN), told(Queue.MEASURE)
    whole = calling is not None and training is not None and measuring is not None
    return Estimate(
        jobs=len(requests),
        reused=len(requests) - len(new),
        by_operation=dict(Counter(request.operation for request in new.values())),
        rows=_rows(new.values(), amounts.rows),
        calls=_calls(new.values(), amounts.rows),
        tokens=None if calling is None else _sum(cost.tokens for cost in calling),
        training_seconds=None if training is None else _sum(cost.seconds for cost in training),
        measuring_seconds=None if measuring is None else _measuring(measuring),
        money=None if calling is None else _money(calling),
        wall_seconds=_wall(plan, taken, new, settings.workers) if whole else None,
        details=costing.details,
    )


def _rows(requests: Iterable[JobRequest], rows_of: Rows) -> Count | None:
    rows = 0
    for request in requests:
        if isinstance(request, GenerationRequest):
            asked = rows_of(artifact_id(request))
            if asked is None:
                return None
            rows += asked
    return Count(low=rows, high=rows)


def _calls(requests: Iterable[JobRequest], rows_of: Rows) -> Count | None:
    low = high = 0
    for request in requests:
        found = calls_range(request, rows_of)
        if found is None:
            return None
        low, high = low + found[0], high + found[1]
    return Count(low=low, high=max(low, high))


def _sum(ranges: Iterable[tuple[float, float]]) -> Count:
    low = high = 0.0
    for one, other in ranges:
        low, high = low + one, high + other
    return Count(low=round(low), high=round(high))


def _measuring(taken: Sequence[Taken]) -> Count:
    return _sum([*(cost.seconds for cost in taken), *([(0.0, STARTING)] if taken else [])])


def _money(taken: Iterable[Taken]) -> dict[str, MoneyRange]:
    found: dict[str, list[tuple[float, float]]] = {}
    for cost in taken:
        for currency, amount in cost.money.items():
            found.setdefault(currency, []).append(amount)
    return {
        currency: MoneyRange(low=sum(low for low, _ in amounts), high=sum(high for _, high in amounts))
        for currency, amounts in found.items()
    }


def _wall(
    plan: Plan | None, taken: Mapping[str, Taken], new: Mapping[str, JobRequest], workers: Mapping[str, int]
) -> Count:
    """Of one job alone it is the job's own time."""
    low, high = (
        makespan(plan, seconds, workers) if plan else sum(seconds.values())
        for seconds in ({name: cost.seconds[end] for name, cost in taken.items()} for end in (0, 1))
    )
    starting = STARTING if any(request.queue is Queue.MEASURE for request in new.values()) else 0.0
    return Count(low=round(low), high=round(high + starting))
