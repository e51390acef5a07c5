"""Calls that a request makes: fewest and most, and what a budget of calls therefore keeps from starting."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.estimates.counting import calls_range, fewest_calls
from services.gateway.experiments.spending import exceeded
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.experiment import ExperimentBudget
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.strategies import Strategy
from shared.contracts.instruments import (
    Aspect,
    Budget,
    ClusterAgentRequest,
    JudgeRequest,
    SelfPreferenceRequest,
)
from tests.unit.services.gateway.small_operations import REAL, TEST

SOURCE = SourceRef(name="x")
ROWS = {REAL: 40, TEST: 10}


def agent(**fields: Any) -> ClusterAgentRequest:
    return ClusterAgentRequest(
        **{"dataset": REAL, "source": SOURCE, "runs": 60, "criteria_runs": 8, **fields}
    )


def judge(**fields: Any) -> JudgeRequest:
    return JudgeRequest(**{"dataset": REAL, "source": SOURCE, **fields})


def preference(**fields: Any) -> SelfPreferenceRequest:
    return SelfPreferenceRequest(**{"judge": SOURCE, "candidates": {"a": REAL, "b": TEST}, **fields})


ANSWERS = GenerationRequest(
    kind=DatasetKind.COMPLETION, strategy=Strategy.ANSWERS, prompts=REAL, sources=[SOURCE]
)


@pytest.mark.parametrize(
    ("request_", "calls"),
    [
        (agent(criteria=["tone"], verify=False), (60, 140)),
        (agent(criteria=["tone"]), (60, 280)),  # singletons alone need no verification
        (agent(), (60 + 8 + 4, 280 + 52 + 50)),
        (agent(interval_width=0.5, min_runs=20, criteria=["tone"]), (20, 280)),
        (agent(budget=Budget(calls=30)), (30, 30)),
        (judge(), (80, 80)),
        (judge(rows=30, aspects=[Aspect.QUALITY], tries=3), (30, 90)),
        (preference(), (2, 20)),
        (preference(prompts=5), (2, 10)),
        (ANSWERS, (40, 260)),
    ],
    ids=str,
)
def test_calls_follow_from_the_request_and_its_rows(request_: JobRequest, calls: tuple[int, int]) -> None:
    assert calls_range(request_, ROWS.get) == calls
    assert fewest_calls(request_, ROWS.get) == calls[0]


@pytest.mark.parametrize("request_", [judge(), preference(), ANSWERS], ids=str)
def test_without_the_rows_nothing_is_said(request_: JobRequest) -> None:
    assert calls_range(request_, lambda _: None) is None


def test_a_judge_does_not_start_beyond_the_calls_that_are_left() -> None:
    """It would make two calls for each of 40 rows; before, a judge counted as none."""
    budget = ExperimentBudget(calls=100)
    assert exceeded(budget, {"calls": 20.0}, [], judge(), ROWS.get) is None
    why = exceeded(budget, {"calls": 21.0}, [], judge(), ROWS.get)
    assert why == "calls: 21 made, 80 to come, 100 allowed"
