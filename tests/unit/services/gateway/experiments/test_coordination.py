"""An experiment from the recipe to its end: what runs, what does not, and what survives."""

from __future__ import annotations

from collections import Counter

import pytest

from services.gateway.experiments.expansion import expand
from shared.artifacts import find_manifest, project_store
from shared.contracts.base import JobRequest
from shared.contracts.jobs import JobState
from shared.errors import Conflict, InvalidData, StoreUnavailable
from shared.jobs.workspace import Workspace
from shared.store.local import LocalStore
from tests.unit.services.gateway.small_operations import (
    CATALOGUE,
    OPERATIONS,
    Generate,
    Report,
    ladder,
    recipe,
)
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite


@pytest.fixture
def suite(local_store: LocalStore, redis_url: str) -> SmallSuite:
    return SmallSuite(local_store, redis_url)


LADDER = recipe(ladder(topics=(1, 5), seeds=(1, 2)))
SMALL = recipe(ladder(topics=(1, 5), seeds=(1,)))


def refuse_topic_count(count: int) -> dict[str, object]:
    def generate(request: JobRequest, workspace: Workspace) -> None:
        assert isinstance(request, Generate)
        if request.topic_count == count:
            raise InvalidData("the source wrote nothing")

    return {"generate": generate}


def test_an_experiment_makes_every_artifact_of_its_plan_and_ends_with_the_report(suite: SmallSuite) -> None:
    ended = suite.run(LADDER)
    plan = expand(LADDER, CATALOGUE)
    assert (ended.state, ended.artifact) == (JobState.SUCCEEDED, plan.report.artifact)
    store = project_store(suite.store, PROJECT)
    assert all(find_manifest(store, node.artifact) for node in plan.nodes.values())
    assert Counter(suite.states().values()) == {JobState.SUCCEEDED: len(plan.nodes)}
    assert len(suite.ran) == len(plan.nodes)
    assert list(suite.records.active()) == []


def test_a_step_runs_only_when_its_inputs_are_there(suite: SmallSuite) -> None:
    suite.run(LADDER)
    plan = expand(LADDER, CATALOGUE)
    record_of = {
        record.artifact: record.id for record in suite.records.all() if record.operation != "experiment"
    }
    order = {node.key: suite.ran.index(record_of[node.artifact]) for node in plan.nodes.values()}
    assert all(order[needed] < order[key] for key, node in plan.nodes.items() for needed in node.needs)


def test_the_longest_way_is_submitted_first(suite: SmallSuite) -> None:
    suite.post(LADDER)
    suite.step()
    queued = [suite.records.get(job).operation for job in suite.wire]
    assert queued == ["topics", "train"]  # the pool has five jobs behind it, the real model three


def test_the_same_recipe_again_runs_nothing(suite: SmallSuite) -> None:
    first = suite.run(LADDER)
    ran = len(suite.ran)
    again = suite.post(LADDER)
    assert (again.id, again.state) == (first.id, JobState.SUCCEEDED)
    assert len(suite.wire) == 0
    assert len(suite.ran) == ran


def test_changing_one_value_runs_only_what_depends_on_it(suite: SmallSuite) -> None:
    suite.run(recipe(ladder(topics=(1, 5), seeds=(1, 2))))
    before = len(suite.ran)
    ended = suite.run(recipe(ladder(topics=(1, 7), seeds=(1, 2))))
    assert ended.state is JobState.SUCCEEDED
    operations = Counter(suite.records.get(job).operation for job in suite.ran[before:])
    assert operations == {"generate": 2, "measure": 2, "train": 2, "evaluate": 2, "report": 1}


def test_a_failed_branch_stops_no_other_and_is_named(local_store: LocalStore, redis_url: str) -> None:
    suite = SmallSuite(local_store, redis_url, refuse_topic_count(5))  # type: ignore[arg-type]
    ended = suite.run(SMALL)
    assert ended.state is JobState.PARTIALLY_SUCCEEDED
    assert ended.reason == "dependency_failed"
    assert ended.error is not None
    assert ended.error.code == "dependency_failed"
    told = {error.detail.partition(" ")[0] + error.pointer: error.detail for error in ended.error.errors}
    assert any("the source wrote nothing" in detail for detail in told.values())
    assert sorted(error.pointer for error in ended.error.errors) == [
        "/steps/generated", "/steps/measured", "/steps/tested", "/steps/trained"
    ]  # fmt: skip
    report = find_manifest(project_store(suite.store, PROJECT), str(ended.artifact))
    assert report is not None
    assert [run["name"] for run in report.request["runs"]] == ["real", "topics=1, seed=1"]


def test_posting_it_again_makes_only_what_is_missing(local_store: LocalStore, redis_url: str) -> None:
    suite = SmallSuite(local_store, redis_url, refuse_topic_count(5))  # type: ignore[arg-type]
    suite.run(SMALL)
    before = len(suite.ran)
    suite.behaviour.clear()
    ended = suite.run(SMALL)
    assert (ended.state, ended.artifact) == (JobState.SUCCEEDED, expand(SMALL, CATALOGUE).report.artifact)
    operations = Counter(suite.records.get(job).operation for job in suite.ran[before:])
    assert operations == {"generate": 1, "measure": 1, "train": 1, "evaluate": 1, "report": 1}


def test_a_failure_is_tried_once_for_each_time_the_recipe_is_posted(
    local_store: LocalStore, redis_url: str
) -> None:
    suite = SmallSuite(local_store, redis_url, refuse_topic_count(5))  # type: ignore[arg-type]
    for times in (1, 2, 3):
        suite.post(SMALL)
        while suite.step():
            suite.restart()  # and no process remembers what the one before it tried
        failed = [r.id for r in suite.records.all() if r.state is JobState.FAILED]
        assert [suite.ran.count(job) for job in failed] == [times]


def test_without_its_report_an_experiment_has_failed(local_store: LocalStore, redis_url: str) -> None:
    def refuse(request: JobRequest, workspace: Workspace) -> None:
        raise InvalidData("nothing can be drawn")

    suite = SmallSuite(local_store, redis_url, {"report": refuse})
    ended = suite.run(SMALL)
    assert (ended.state, ended.artifact) == (JobState.FAILED, None)
    assert ended.error is not None
    assert [error.pointer for error in ended.error.errors] == ["/steps/answer"]


def test_when_nothing_can_be_made_the_report_is_blocked(local_store: LocalStore, redis_url: str) -> None:
    def refuse(request: JobRequest, workspace: Workspace) -> None:
        raise InvalidData("no")

    suite = SmallSuite(local_store, redis_url, {"topics": refuse, "train": refuse})
    document = ladder(topics=(1,), seeds=(1,))
    del document["steps"]["answer"]["request"]["runs"]["gather"][0]
    ended = suite.run(recipe(document))
    assert ended.state is JobState.FAILED
    assert ended.error is not None
    assert any("nothing it gathers was made" in error.detail for error in ended.error.errors)
    assert Report.operation not in [record.operation for record in suite.records.all()]


def test_two_experiments_share_the_work_they_have_in_common(suite: SmallSuite) -> None:
    first, second = SMALL, recipe(ladder(topics=(1, 9), seeds=(1,)))
    jobs = [suite.post(first), suite.post(second)]
    suite.drain()
    assert [suite.records.get(job.id).state for job in jobs] == [JobState.SUCCEEDED] * 2
    assert len(suite.ran) == len(set(suite.ran))
    artifacts = {node.artifact for r in (first, second) for node in expand(r, CATALOGUE).nodes.values()}
    assert len(suite.ran) == len(artifacts)


@pytest.mark.parametrize("steps", [1, 2, 5, 9])
def test_it_ends_the_same_when_every_process_dies_and_redis_forgets(suite: SmallSuite, steps: int) -> None:
    job = suite.post(SMALL)
    for _ in range(steps):
        suite.step()
    suite.redis.flushall()
    suite.wire.clear()
    suite.restart()
    suite.reconciler.once()
    suite.redis.delete(f"gamut:sent:{job.id}")
    suite.sender.send(suite.records.get(job.id))  # as the reconciler does a few seconds later
    suite.drain()
    ended = suite.records.get(job.id)
    assert (ended.state, ended.artifact) == (JobState.SUCCEEDED, expand(SMALL, CATALOGUE).report.artifact)
    assert len(suite.ran) == len(set(suite.ran)), "a node ran twice"


def test_an_end_whose_wake_up_was_lost_is_found(suite: SmallSuite) -> None:
    suite.restart(read_seconds=0)
    job = suite.post(SMALL)
    suite.step()
    under_way = list(suite.wire)
    for child in under_way:
        assert suite.redis.smembers(f"gamut:waiting:{child}") == {job.id.encode()}
        suite.redis.delete(f"gamut:waiting:{child}")
    suite.drain()  # they are made and wake nobody
    assert [suite.records.get(child).state for child in under_way] == [JobState.SUCCEEDED] * 2
    assert not suite.records.get(job.id).state.ended
    suite.sender.send(suite.records.get(job.id))  # as the reconciler does every few seconds
    suite.drain()
    assert suite.records.get(job.id).state is JobState.SUCCEEDED


def test_cancelling_it_cancels_its_jobs(suite: SmallSuite) -> None:
    job = suite.post(SMALL)
    suite.step()
    assert suite.cancellation.cancel(job.id).state is JobState.CANCELLING
    suite.runner.run(job.id)
    suite.drain()
    assert suite.records.get(job.id).state is JobState.CANCELLED
    assert set(suite.states().values()) == {JobState.CANCELLED}
    assert suite.ran == []
    assert list(suite.records.active()) == []


def test_cancelling_it_leaves_what_another_experiment_waits_for(suite: SmallSuite) -> None:
    first = suite.post(SMALL)
    second = suite.post(recipe(ladder(topics=(5,), seeds=(1,))))
    suite.step()
    suite.step()
    suite.cancellation.cancel(first.id)
    suite.runner.run(first.id)
    suite.drain()
    assert suite.records.get(first.id).state is JobState.CANCELLED
    assert suite.records.get(second.id).state is JobState.SUCCEEDED


def test_a_queued_experiment_is_cancelled_by_its_coordinator(suite: SmallSuite) -> None:
    job = suite.post(SMALL)
    suite.cancellation.cancel(job.id)
    suite.drain()
    assert suite.records.get(job.id).state is JobState.CANCELLED
    assert suite.states() == {}


def test_what_was_cancelled_can_be_posted_again(suite: SmallSuite) -> None:
    job = suite.post(SMALL)
    suite.step()
    suite.cancellation.cancel(job.id)
    suite.runner.run(job.id)
    suite.drain()
    assert suite.run(SMALL).state is JobState.SUCCEEDED


def test_cancelling_one_of_its_jobs_costs_that_branch_only(suite: SmallSuite) -> None:
    job = suite.post(SMALL)
    suite.step()
    model = next(r for r in suite.records.all() if r.operation == "train")
    assert suite.cancellation.cancel(model.id).state is JobState.CANCELLED
    suite.drain()
    ended = suite.records.get(job.id)
    assert ended.state is JobState.PARTIALLY_SUCCEEDED
    assert ended.error is not None
    assert sorted(error.pointer for error in ended.error.errors) == [
        "/steps/tested_real",
        "/steps/trained_real",
    ]


def test_an_ended_job_cannot_be_cancelled(suite: SmallSuite) -> None:
    ended = suite.run(SMALL)
    with pytest.raises(Conflict, match="succeeded"):
        suite.cancellation.cancel(ended.id)


def test_progress_says_how_every_node_stands(suite: SmallSuite) -> None:
    job = suite.post(SMALL)
    suite.step()
    progress = suite.live.progress(job.id)
    assert progress is not None
    assert (progress.done, progress.total, progress.unit) == (0, len(expand(SMALL, CATALOGUE).nodes), "jobs")
    pool = next(r for r in suite.records.all() if r.operation == "topics")
    assert progress.detail["nodes"]["pool"] == {"state": "running", "job": pool.id}
    assert progress.detail["nodes"]["answer"] == {"state": "waiting", "job": None}
    assert progress.detail["steps"]["generated"] == {"waiting": 2}
    suite.drain()
    progress = suite.live.progress(job.id)
    assert progress is not None
    assert {node["state"] for node in progress.detail["nodes"].values()} == {"succeeded"}
    assert progress.ok == progress.total


def test_a_store_that_is_away_for_a_moment_costs_nothing(suite: SmallSuite) -> None:
    """The look ends; the next one goes on where it stopped."""
    job = suite.post(SMALL)
    submit = suite.submission.submit
    away = iter([True, False, True])

    def flaky(project: str, request: JobRequest, key: str | None) -> object:
        if next(away, False):
            raise StoreUnavailable
        return submit(project, request, key)

    suite.submission.submit = flaky  # type: ignore[method-assign, assignment]  # the network's part, not ours
    for _ in range(3):
        suite.drain()
        suite.sender.send(suite.records.get(job.id))
    suite.drain()
    assert suite.records.get(job.id).state is JobState.SUCCEEDED


def test_a_recipe_that_can_no_longer_be_expanded_fails_with_the_reason(
    local_store: LocalStore, redis_url: str
) -> None:
    suite = SmallSuite(
        local_store, redis_url, operations={k: v for k, v in OPERATIONS.items() if k != "train"}
    )
    ended = suite.run(SMALL)
    assert (ended.state, ended.reason) == (JobState.FAILED, "invalid_request")
    assert ended.error is not None
    assert "/steps/trained/operation" in [error.pointer for error in ended.error.errors]
