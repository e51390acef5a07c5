"""A study that ends itself trains the next seed only while it can change the verdict."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.builtin import BUILT_IN, called
from services.gateway.experiments.errors import InvalidRecipe
from services.gateway.experiments.expansion import expand
from shared.artifacts import Artifact, project_store
from shared.contracts.base import JobRequest
from shared.contracts.experiment import ExperimentRequest, RecipeCall
from shared.contracts.jobs import JobRecord, JobState
from shared.contracts.operations import OPERATIONS
from tests.unit.services.gateway.small_operations import CATALOGUE, Report, ladder, recipe
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite


def study(seeds: int = 6, **stop: Any) -> ExperimentRequest:
    document = ladder(topics=(5,), seeds=tuple(range(1, seeds + 1)))
    return recipe(document | {"stop": {"matters": 0.05, "first": 2, **stop}})


def decided_after(suite: SmallSuite, seeds: int) -> None:
    """Every report of so many seeds or more is decided."""

    def summary(request: JobRequest) -> dict[str, Any]:
        if not isinstance(request, Report):
            return {}
        seen = {run.axes["seed"] for run in request.runs if run.evaluation and "seed" in run.axes}
        return {"decided": int(len(seen) >= seeds)}

    suite.summaries = summary


def report_of(suite: SmallSuite, ended: JobRecord) -> dict[str, Any]:
    assert ended.artifact is not None
    return Artifact.open(project_store(suite.store, PROJECT), ended.artifact).manifest.request


@pytest.mark.parametrize(("after", "trained"), [(1, 2), (2, 2), (3, 3), (5, 5), (6, 6), (99, 6)])
def test_no_seed_is_trained_after_the_verdict(suite: SmallSuite, after: int, trained: int) -> None:
    decided_after(suite, after)
    ended = suite.run(study())
    assert (ended.state, ended.error) == (JobState.SUCCEEDED, None)
    operations = Counter(record.operation for record in suite.records.all())
    assert operations["generate"] == trained
    assert operations["train"] == trained + 1  # and the real rows, which have no seed
    report = report_of(suite, ended)
    assert report["matters"] == 0.05
    runs = [run for run in report["runs"] if "seed" in run["axes"]]
    assert [run["axes"]["seed"] for run in runs] == list(range(1, trained + 1))
    assert all(run["evaluation"] and run["stopped"] is None for run in runs)


def test_a_coordinator_that_dies_after_every_message_trains_no_more(suite: SmallSuite) -> None:
    decided_after(suite, 3)
    job = suite.post(study())
    while suite.step():
        suite.restart()
    assert suite.records.get(job.id).state is JobState.SUCCEEDED
    assert Counter(record.operation for record in suite.records.all())["generate"] == 3


def test_going_on_with_more_seeds_repeats_none(suite: SmallSuite) -> None:
    decided_after(suite, 99)
    suite.run(study(3))
    before = Counter(record.operation for record in suite.records.all())
    suite.run(study(4))
    after = Counter(record.operation for record in suite.records.all())
    assert after["train"] - before["train"] == 1


@pytest.mark.parametrize(
    ("changes", "pointer"), [({"axis": "level"}, "/stop/axis"), ({"first": 6}, "/sweep/seed")]
)
def test_a_study_that_could_never_stop_is_refused(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRecipe) as refused:
        expand(study(**changes), CATALOGUE)
    assert [fault.pointer for fault in refused.value.errors] == [pointer]


def test_a_built_in_study_can_be_asked_to_end_itself() -> None:
    inputs = {name: f"dataset-{place:032x}" for place, name in enumerate(("real", "test"), 1)}
    call = RecipeCall.model_validate(
        {
            "recipe": "diversity-ladder", "inputs": inputs, "sweep": {"seed": [1, 2, 3, 4, 5, 6]},
            "stop": {"matters": 0.02},
        }
    )  # fmt: skip
    document = ExperimentRequest.model_validate(called(call, BUILT_IN))
    plan = expand(document, Catalogue(OPERATIONS))
    gates = {node.gate.measured for node in plan.nodes.values() if node.gate}
    assert gates == {"answer[seed≤4]", "answer[seed≤5]"}
    assert plan.report.request.canonical()["matters"] == 0.02
