"""How long a plan takes on so many workers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.gateway.estimates.scheduling import makespan
from services.gateway.experiments.expansion import expand
from tests.unit.services.gateway.small_operations import CATALOGUE, ladder, recipe

PLAN = expand(recipe(ladder(topics=(1, 5, 20), seeds=(1,))), CATALOGUE)


def seconds(**by_step: float) -> dict[str, float]:
    return {key: by_step.get(node.step, 0.0) for key, node in PLAN.nodes.items()}


def test_jobs_on_one_worker_follow_each_other_and_on_three_they_do_not() -> None:
    costs = seconds(trained=10, trained_real=10)
    assert makespan(PLAN, costs, {}) == 40
    assert makespan(PLAN, costs, {"train": 2}) == 20
    assert makespan(PLAN, costs, {"train": 9}) == 10


def test_the_longest_way_is_the_least_it_takes() -> None:
    costs = seconds(pool=5, generated=3, trained=7, tested=2, answer=1)
    assert makespan(PLAN, costs, {"generate": 9, "train": 9}) == 18


def test_queues_work_side_by_side() -> None:
    assert makespan(PLAN, seconds(measured=4, trained=4, trained_real=0), {}) == pytest.approx(12)


@settings(deadline=None)
@given(st.lists(st.floats(0, 50), min_size=16, max_size=16), st.integers(1, 4))
def test_it_lies_between_the_bounds_that_any_schedule_has(costs: list[float], workers: int) -> None:
    told = dict(zip(PLAN.nodes, costs, strict=False))
    queues = {node.request.queue.value for node in PLAN.nodes.values()}
    found = makespan(PLAN, told, dict.fromkeys(queues, workers))
    alone = makespan(PLAN, told, dict.fromkeys(queues, 10**6))
    assert alone - 1e-6 <= found <= sum(told.values()) + 1e-6
    for queue in queues:
        mine = sum(told.get(key, 0) for key, node in PLAN.nodes.items() if node.request.queue.value == queue)
        assert found >= mine / workers - 1e-6
