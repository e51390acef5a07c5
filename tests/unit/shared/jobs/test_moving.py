"""Attempts count failures to progress: a job that moves is not given up before the cap, another is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.contracts.jobs import JobRecord, JobState
from shared.errors import SourceUnavailable
from shared.jobs.workspace import Workspace
from shared.testing import Bench
from tests.summaries import AnySummary
from tests.unit.shared.jobs.test_running import Count, bench_of

KILLS = 20
Step = Callable[[Workspace], None]


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the runner's own may handle it."""


def checkpoint(workspace: Workspace) -> None:
    workspace.scratch.put(f"checkpoints/{workspace.token:06d}", b"state")


def pay(workspace: Workspace) -> None:
    workspace.spending.note({"tokens": 10.0 * workspace.token})
    workspace.spending.keep()


def order(workspace: Workspace) -> None:
    workspace.scratch.put("remote/request.json", b"{}")


def spend_time(workspace: Workspace) -> None:
    workspace.spending.note({"training_seconds": 10.0 * workspace.token})
    workspace.spending.keep()


def call_in_vain(workspace: Workspace) -> None:
    """A source that is away: ever more calls, and no answer."""
    workspace.spending.note({"calls": 8.0 * workspace.token, "tokens": 0.0, "money": 0.0})
    workspace.spending.keep()


def repeat(workspace: Workspace) -> None:
    """The same calls paid again and again: nothing of them was kept."""
    workspace.spending.note({"tokens": 10.0})
    workspace.spending.keep()


def killed_until_the_end(suite: Bench, kills: int) -> JobRecord:
    """A worker takes the job, and dies; then the reconciler acts, and so on."""
    job = suite.submit(Count(upto=2))
    for _ in range(kills + 3):
        if suite.records.get(job.id).state.ended:
            break
        try:
            suite.runner.run(job.id)
        except Killed:
            suite.redis.flushall()  # its lease lapses, and whatever else Redis knew
        suite.reconciler.once()
    return suite.records.get(job.id)


def handler(step: Step, kills: int) -> Any:
    def work(request: Count, workspace: Workspace) -> AnySummary:
        if workspace.token <= kills:
            step(workspace)
            raise Killed
        return AnySummary()

    return work


@pytest.mark.parametrize("step", [checkpoint, pay])
def test_a_job_that_moves_survives_any_number_of_kills(tmp_path: Path, redis_url: str, step: Step) -> None:
    suite = bench_of(tmp_path, redis_url, handler(step, KILLS))
    ended = killed_until_the_end(suite, KILLS)
    assert (ended.state, ended.sequence, ended.attempts) == (JobState.SUCCEEDED, KILLS + 2, 1)


@pytest.mark.parametrize("step", [order, spend_time, call_in_vain, repeat])
def test_one_that_does_not_is_given_up_after_as_many_attempts_as_are_allowed(
    tmp_path: Path, redis_url: str, step: Step
) -> None:
    suite = bench_of(tmp_path, redis_url, handler(step, KILLS))
    ended = killed_until_the_end(suite, KILLS)
    first_moved = 1 if step is repeat else 0  # the first time, it was paid for the first time
    assert (ended.state, ended.reason) == (JobState.FAILED, "worker_lost")
    assert ended.attempts == 3
    assert ended.sequence == 3 + first_moved + 1


def test_even_a_job_that_moves_ends_some_time(tmp_path: Path, redis_url: str) -> None:
    suite = bench_of(tmp_path, redis_url, handler(checkpoint, KILLS), max_attempts_in_all=7)
    ended = killed_until_the_end(suite, KILLS)
    assert (ended.state, ended.reason) == (JobState.FAILED, "worker_lost")
    assert ended.sequence == 7 + 3


def test_a_source_that_goes_away_again_and_again_lets_a_moving_job_end(
    tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.jobs.retries.BACKOFF_SECONDS", (0, 0, 0, 0))

    def away(request: Count, workspace: Workspace) -> AnySummary:
        if workspace.token < 20:
            checkpoint(workspace)
            raise SourceUnavailable
        return AnySummary()

    suite = bench_of(tmp_path, redis_url, away)
    job = suite.submit(Count(upto=2))
    while not suite.records.get(job.id).state.ended:
        suite.runner.run(job.id)
    assert suite.records.get(job.id).state is JobState.SUCCEEDED
