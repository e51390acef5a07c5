"""A job from the request to the artifact, on a real Redis-protocol server and a real directory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest

from shared.artifacts import Artifact, project_store
from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.contracts.jobs import JobState
from shared.errors import InputMissing, InvalidData, SourceUnavailable, StoreUnavailable
from shared.jobs.running import Handler
from shared.jobs.usage import tokens_used
from shared.jobs.workspace import Workspace
from shared.testing import Bench
from tests.summaries import AnySummary


class Count(JobRequest):
    operation: ClassVar[str] = "count"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.MEASUREMENT
    queue: ClassVar[Queue] = Queue.MEASURE
    result: ClassVar[type[AnySummary]] = AnySummary

    upto: int
    after: str | None = None

    def input_artifacts(self) -> dict[str, str]:
        return {"after": self.after} if self.after else {}


def bench_of(folder: Path, redis_url: str, handler: Handler[Any], **chosen: Any) -> Bench:
    """The parts of a service around one handler."""
    return Bench(folder, redis_url, {Count: handler}, lease_seconds=3, **chosen)


def count(request: Count, workspace: Workspace) -> AnySummary:
    rows = workspace.output.put_rows("rows.jsonl", [{"n": n} for n in range(request.upto)])
    workspace.progress(rows, request.upto, "rows")
    return AnySummary(rows=rows)


@pytest.fixture
def suite(tmp_path: Path, redis_url: str) -> Bench:
    return bench_of(tmp_path, redis_url, count)


def test_a_job_makes_its_artifact(suite: Bench) -> None:
    job = suite.submission.submit("p", Count(upto=3))
    assert (job.state, suite.sent) == (JobState.QUEUED, [job.id])
    suite.runner.run(job.id)
    ended = suite.records.get(job.id)
    assert ended.state is JobState.SUCCEEDED
    assert ended.artifact is not None
    artifact = Artifact.open(project_store(suite.store, "p"), ended.artifact)
    assert list(artifact.rows()) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert artifact.summary == {"rows": 3}
    assert list(suite.records.active()) == []


def test_the_same_request_again_runs_nothing(suite: Bench) -> None:
    first = suite.submission.submit("p", Count(upto=3))
    suite.runner.run(first.id)
    again = suite.submission.submit("p", Count(upto=3))
    assert (again.id, again.state) == (first.id, JobState.SUCCEEDED)
    assert suite.sent == [first.id]


def test_projects_do_not_see_each_other(suite: Bench) -> None:
    first = suite.submission.submit("p", Count(upto=3))
    suite.runner.run(first.id)
    other = suite.submission.submit("q", Count(upto=3))
    assert other.id != first.id
    assert other.state is JobState.QUEUED


def test_an_absent_input_is_named(suite: Bench) -> None:
    with pytest.raises(InputMissing) as raised:
        suite.submission.submit("p", Count(upto=1, after="dataset-" + "0" * 32))
    assert [error.pointer for error in raised.value.errors] == ["/after"]
    assert list(suite.records.all()) == []


def test_a_copy_leaves_at_once(tmp_path: Path, redis_url: str) -> None:
    entered, leave = threading.Event(), threading.Event()
    calls = []

    def slow(request: Count, workspace: Workspace) -> AnySummary:
        calls.append(workspace.token)
        entered.set()
        leave.wait(20)
        return count(request, workspace)

    suite = bench_of(tmp_path, redis_url, slow)
    job = suite.submission.submit("p", Count(upto=2))
    worker = threading.Thread(target=suite.runner.run, args=[job.id])
    worker.start()
    assert entered.wait(20)
    suite.runner.run(job.id)
    leave.set()
    worker.join(20)
    assert calls == [1]
    assert suite.records.get(job.id).state is JobState.SUCCEEDED


def test_a_fault_of_the_data_is_not_tried_again(tmp_path: Path, redis_url: str) -> None:
    def refuse(request: Count, workspace: Workspace) -> AnySummary:
        raise InvalidData("row 3 has no text")

    suite = bench_of(tmp_path, redis_url, refuse)
    job = suite.submission.submit("p", Count(upto=2))
    suite.runner.run(job.id)
    ended = suite.records.get(job.id)
    assert (ended.state, ended.reason) == (JobState.FAILED, "invalid_data")
    assert ended.error is not None
    assert ended.error.detail == "row 3 has no text"


def test_a_source_that_is_away_is_tried_again_up_to_the_limit(tmp_path: Path, redis_url: str) -> None:
    def away(request: Count, workspace: Workspace) -> AnySummary:
        raise SourceUnavailable

    suite = bench_of(tmp_path, redis_url, away, max_attempts=1)
    job = suite.submission.submit("p", Count(upto=2))
    suite.runner.run(job.id)
    assert suite.records.get(job.id).state is JobState.FAILED
    patient = bench_of(tmp_path, redis_url, away, max_attempts=2)
    again = patient.submission.submit("p", Count(upto=2))
    patient.runner.run(again.id)
    waiting = patient.records.get(again.id)
    assert waiting.state is JobState.QUEUED
    assert waiting.not_before is not None
    assert waiting.resubmissions == 1


def test_an_outage_of_the_store_costs_no_attempt(tmp_path: Path, redis_url: str) -> None:
    failures = iter([True, True, True, False])

    def while_the_store_fails(request: Count, workspace: Workspace) -> AnySummary:
        if next(failures):
            raise StoreUnavailable
        return count(request, workspace)

    suite = bench_of(tmp_path, redis_url, while_the_store_fails, max_attempts=1, outage_seconds=0)
    job = suite.submission.submit("p", Count(upto=2))
    for _ in range(3):
        suite.runner.run(job.id)
        waiting = suite.records.get(job.id)
        assert (waiting.state, waiting.reason) == (JobState.QUEUED, "store_unavailable")
    assert suite.sent == [job.id] * 4
    suite.runner.run(job.id)
    assert suite.records.get(job.id).state is JobState.SUCCEEDED


def test_attempts_that_cost_none_are_each_charged(tmp_path: Path, redis_url: str) -> None:
    spent = iter([5, 10])

    def five_tokens_an_attempt(request: Count, workspace: Workspace) -> AnySummary:
        total = next(spent)
        workspace.progress(0, 1, "calls", tokens=total)
        if total == 5:
            raise StoreUnavailable
        return AnySummary()

    suite = bench_of(tmp_path, redis_url, five_tokens_an_attempt, outage_seconds=0)
    job = suite.submission.submit("p", Count(upto=2), "key")
    suite.runner.run(job.id)
    suite.runner.run(job.id)
    assert suite.records.get(job.id).state is JobState.SUCCEEDED
    assert tokens_used(suite.store, "key", datetime.now(UTC).date()) == 10


def test_a_message_lost_with_all_of_redis_is_sent_again(suite: Bench) -> None:
    job = suite.submission.submit("p", Count(upto=2))
    suite.reconciler.once()
    assert suite.sent == [job.id]
    suite.redis.flushall()
    suite.reconciler.once()
    assert suite.sent == [job.id, job.id]
    assert suite.live.indexed("p", None, 10)[0][0] == job.id


def test_a_lost_worker_is_replaced_and_its_late_result_does_not_count(tmp_path: Path, redis_url: str) -> None:
    tokens = []

    def interrupted(request: Count, workspace: Workspace) -> AnySummary:
        tokens.append(workspace.token)
        if workspace.token == 1:  # while this attempt hangs, its lease goes and another worker takes over
            suite.redis.flushall()
            suite.reconciler.once()
            suite.runner.run(suite.sent[-1])
        return count(request, workspace)

    suite = bench_of(tmp_path, redis_url, interrupted)
    job = suite.submission.submit("p", Count(upto=2))
    suite.runner.run(job.id)
    ended = suite.records.get(job.id)
    assert tokens == [1, 2]
    assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 2)
    assert ended.artifact is not None
    manifest = Artifact.open(project_store(suite.store, "p"), ended.artifact).manifest
    assert [part.key.partition(".")[0] for part in manifest.parts] == ["parts/2"]
