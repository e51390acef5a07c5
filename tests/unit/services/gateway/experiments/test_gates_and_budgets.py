"""A gate keeps a step from being paid for; a budget makes an experiment wait for a person."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.gateway.experiments.errors import InvalidRecipe
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.resuming import resume
from services.gateway.settings import GatewaySettings
from shared.artifacts import Artifact, project_store
from shared.contracts.base import JobRequest
from shared.contracts.experiment import ExperimentBudget
from shared.contracts.jobs import JobRecord, JobState
from shared.errors import Conflict, GamutError, InvalidData, SourceUnavailable
from shared.jobs.spending import spent
from shared.jobs.workspace import Cancelled, Workspace
from tests.unit.services.gateway.small_operations import CATALOGUE, Generate, Measure, ladder, recipe
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite


def gated(above: float = 0.5, **changes: Any) -> dict[str, Any]:
    document = ladder(topics=(1, 5), seeds=(1,))
    document["steps"]["trained"]["stop_if"] = {"of": "measured", "metric": "shift", "above": above} | changes
    return document


def shifts(suite: SmallSuite, by_topics: dict[int, float]) -> None:
    """Every measurement says the shift of its dataset's topic count."""

    def summary(request: JobRequest) -> dict[str, Any]:
        if not isinstance(request, Measure):
            return {}
        made = next(r for r in suite.records.all() if r.artifact == request.dataset)
        return {"shift": by_topics[made.request["topic_count"]]}

    suite.summaries = summary


def report_of(suite: SmallSuite, ended: JobRecord) -> dict[str, Any]:
    assert ended.artifact is not None
    return Artifact.open(project_store(suite.store, PROJECT), ended.artifact).manifest.request


def test_what_a_gate_stops_is_not_trained_and_the_experiment_succeeds(suite: SmallSuite) -> None:
    shifts(suite, {1: 0.9, 5: 0.1})
    ended = suite.run(recipe(gated()))
    assert (ended.state, ended.error) == (JobState.SUCCEEDED, None)
    operations = Counter(record.operation for record in suite.records.all())
    assert (operations["generate"], operations["measure"]) == (2, 2)
    assert (operations["train"], operations["evaluate"]) == (2, 2)  # the real model and one of two
    runs = {run["name"]: run for run in report_of(suite, ended)["runs"]}
    assert runs["topics=1, seed=1"]["stopped"] == "shift is 0.9, above 0.5"
    assert runs["topics=1, seed=1"]["measurement"] is not None
    assert runs["topics=1, seed=1"]["evaluation"] is None
    assert runs["topics=5, seed=1"]["stopped"] is None
    assert runs["topics=5, seed=1"]["evaluation"] is not None


def test_a_gate_without_a_value_fails_its_step_and_says_so(suite: SmallSuite) -> None:
    ended = suite.run(recipe(gated()))
    assert ended.state is JobState.PARTIALLY_SUCCEEDED
    assert ended.error is not None
    assert "measured[topics=1, seed=1] has no value 'shift'" in ended.error.errors[0].detail


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"of": "measurd"}, "/steps/trained/stop_if/of"),
        ({"of": "pool"}, "/steps/trained/stop_if/of"),
        ({"of": "tested"}, "/steps/trained/"),
    ],
    ids=["no such step", "a step without values", "a circle"],
)
def test_a_wrong_gate_is_pointed_at(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidRecipe) as raised:
        expand(recipe(gated(**change)), CATALOGUE)
    assert raised.value.errors[0].pointer.startswith(pointer)


def test_a_gate_must_have_a_bound() -> None:
    with pytest.raises(ValueError, match="give above, below, or both"):
        recipe(gated(above=None))  # type: ignore[arg-type]


def ledger(request: JobRequest) -> dict[str, Any]:
    """Each generation says that it made ten calls."""
    if not isinstance(request, Generate):
        return {}
    account = {"issued": 10, "answered": 10, "tokens_in": 50, "tokens_out": 50, "failed": {}}
    return {"ledger": {"sources": {"x": account}, "money": {"USD": "0.5"}}}


def budgeted(**limits: float) -> Any:
    return recipe(ladder(topics=(1, 5, 20), seeds=(1,)) | {"budget": limits})


def test_a_spent_budget_pauses_and_a_larger_one_resumes(suite: SmallSuite, settings: GatewaySettings) -> None:
    suite.summaries = ledger
    request = budgeted(money=0.9)
    paused = suite.run(request)
    assert (paused.state, paused.reason) == (JobState.PAUSED, "budget_exhausted")
    assert paused.error is not None
    assert "money" in paused.error.detail
    before = list(suite.ran)
    assert Counter(suite.states().values()).keys() == {JobState.SUCCEEDED}  # nothing is left half-done
    suite.reconciler.once()
    suite.post(request)
    suite.drain()
    assert suite.ran == before  # a paused experiment stays so, whatever comes by
    resumed = resume(suite.platform(settings), paused, ExperimentBudget(money=100))
    assert resumed.state is JobState.QUEUED
    suite.drain()
    ended = suite.records.get(paused.id)
    assert (ended.state, ended.error) == (JobState.SUCCEEDED, None)
    assert len(suite.ran) == len(set(suite.ran)) == len(expand(request, CATALOGUE).nodes)


@pytest.mark.parametrize("limits", [{"money": 2.2}, {"tokens": 430}], ids=["money", "tokens"])
def test_a_wide_sweep_does_not_spend_many_times_its_budget(
    suite: SmallSuite, limits: dict[str, float]
) -> None:
    """Twenty generations can start at once, each takes 0.5 and 100 tokens: five fit; all were sent before."""
    suite.summaries = ledger
    wide = recipe(ladder(topics=tuple(range(1, 21)), seeds=(1,)) | {"budget": limits})
    job = suite.post(wide)
    most = 0
    while suite.step():
        states = Counter(r.state for r in suite.records.all() if r.operation == "generate")
        most = max(most, states[JobState.QUEUED] + states[JobState.RUNNING])
    paused = suite.records.get(job.id)
    assert (paused.state, paused.reason) == (JobState.PAUSED, "budget_exhausted")
    assert Counter(r.operation for r in suite.records.all())["generate"] == 5
    assert 1 < most <= 4  # after the first they do go side by side


def ten_calls(request: JobRequest) -> int | None:
    return 10 if isinstance(request, Generate) else 0


@pytest.mark.parametrize(("calls", "generations"), [(9, 0), (10, 1), (29, 2), (30, 3)])
def test_a_job_does_not_start_beyond_the_calls_that_are_left(
    suite: SmallSuite, calls: int, generations: int
) -> None:
    suite.summaries, suite.fewest_calls = ledger, ten_calls
    ended = suite.run(budgeted(calls=calls))
    assert Counter(r.operation for r in suite.records.all())["generate"] == generations
    assert ended.state is (JobState.SUCCEEDED if generations == 3 else JobState.PAUSED)


def test_what_makes_an_unknown_number_of_calls_is_held_until_it_is_known(suite: SmallSuite) -> None:
    """The generator does not answer, then it does; what makes no calls goes on meanwhile."""
    suite.summaries = ledger
    suite.fewest_calls = lambda request: None if isinstance(request, Generate) else 0
    job = suite.post(budgeted(calls=30))
    suite.drain()
    assert suite.records.get(job.id).state is JobState.RUNNING
    operations = Counter(record.operation for record in suite.records.all())
    assert (operations["generate"], operations["train"]) == (0, 1)
    progress = suite.live.progress(job.id)
    assert progress is not None
    assert "GAMUT_GENERATOR_URL" in progress.note
    suite.fewest_calls = ten_calls
    suite.sender.send(suite.records.get(job.id))  # as the reconciler does
    suite.drain()
    assert suite.records.get(job.id).state is JobState.SUCCEEDED


def test_without_a_budget_of_calls_nobody_is_asked(suite: SmallSuite) -> None:
    def asked(request: JobRequest) -> int | None:
        raise AssertionError(request)

    suite.summaries, suite.fewest_calls = ledger, asked
    assert suite.run(budgeted(tokens=10_000)).state is JobState.SUCCEEDED


def test_calls_that_an_earlier_attempt_made_are_not_to_come_again(suite: SmallSuite) -> None:
    """Three generations of ten calls fail after eight; then two more calls are enough for each."""
    counted: Counter[str] = Counter()

    def behave(request: JobRequest, workspace: Workspace) -> None:
        counted[workspace.job] += 1
        workspace.spending.note({"calls": 8 if counted[workspace.job] == 1 else 10})
        if counted[workspace.job] == 1:
            raise InvalidData

    suite.behaviour["generate"], suite.fewest_calls = behave, ten_calls
    request = budgeted(calls=30)
    assert suite.run(request).state is JobState.PARTIALLY_SUCCEEDED
    suite.restart()
    assert suite.run(request).state is JobState.SUCCEEDED


def test_what_existed_before_is_not_charged(suite: SmallSuite) -> None:
    suite.summaries = ledger
    suite.run(recipe(ladder(topics=(1, 5, 20), seeds=(1,))))
    ended = suite.run(budgeted(money=0.1))
    assert ended.state is JobState.SUCCEEDED


def test_what_was_spent_is_known_to_another_coordinator(suite: SmallSuite) -> None:
    suite.summaries = ledger
    request = budgeted(tokens=150)
    suite.post(request)
    while suite.step():
        suite.restart()
    [paused] = [record for record in suite.records.all() if record.operation == "experiment"]
    assert paused.state is JobState.PAUSED
    assert Counter(r.operation for r in suite.records.all())["generate"] < 3 + 1


def generating(suite: SmallSuite, *attempts: tuple[int, type[GamutError] | None]) -> None:
    """What each attempt at a generation spends, and how it fails; those after the last are like the last."""
    counted: Counter[str] = Counter()

    def behave(request: JobRequest, workspace: Workspace) -> None:
        store = workspace.store
        tokens, error = attempts[min(counted[workspace.job], len(attempts) - 1)]
        counted[workspace.job] += 1
        workspace.spending.note({"tokens": spent(store, workspace.artifact_id).get("tokens", 0) + tokens})
        if error is not None:
            raise error

    suite.behaviour["generate"] = behave


def test_a_budget_is_not_overspent_by_failing(suite: SmallSuite) -> None:
    """Twenty generations, each takes 100 tokens and fails: two fit into 150, and the third is never asked."""
    generating(suite, (100, InvalidData))
    paused = suite.run(recipe(ladder(topics=tuple(range(1, 21)), seeds=(1,)) | {"budget": {"tokens": 150}}))
    assert (paused.state, paused.reason) == (JobState.PAUSED, "budget_exhausted")
    assert paused.error is not None
    assert "tokens: 200 spent of 150" in paused.error.detail
    assert Counter(r.operation for r in suite.records.all())["generate"] == 2


def test_what_a_cancelled_job_took_is_charged(suite: SmallSuite) -> None:
    def cancel(request: JobRequest, workspace: Workspace) -> None:
        workspace.spending.note({"tokens": 100})
        raise Cancelled

    suite.behaviour["generate"] = cancel
    paused = suite.run(budgeted(tokens=150))
    assert paused.error is not None
    assert "tokens: 200 spent of 150" in paused.error.detail


def test_an_attempt_that_is_tried_again_is_charged_with_the_one_that_succeeds(suite: SmallSuite) -> None:
    generating(suite, (100, SourceUnavailable), (10, None))
    job = suite.post(budgeted(tokens=250))
    while (paused := suite.records.get(job.id)).state is JobState.RUNNING or suite.wire:
        suite.drain()
        for record in suite.records.all():
            if record.not_before is not None and record.state is JobState.QUEUED:
                due = suite.records.append(record, state=JobState.RUNNING, not_before=None)
                suite.sender.send(due)
    assert paused.error is not None
    assert "tokens: 330 spent of 250" in paused.error.detail


@pytest.mark.parametrize(("tokens", "state"), [(331, JobState.SUCCEEDED), (330, JobState.PAUSED)])
def test_a_job_that_goes_on_with_what_it_paid_for_is_charged_once(
    suite: SmallSuite, tokens: int, state: JobState
) -> None:
    """Three generations fail after 100 tokens each, and need ten more when they are taken up again."""
    generating(suite, (100, InvalidData), (10, None))
    request = budgeted(tokens=tokens)
    assert suite.run(request).state is JobState.PARTIALLY_SUCCEEDED
    suite.restart()
    assert suite.run(request).state is state


def test_an_experiment_pays_for_its_own_part_of_a_job_only(suite: SmallSuite) -> None:
    generating(suite, (100, InvalidData), (10, None))
    suite.run(recipe(ladder(topics=(1, 5, 20), seeds=(1,))))
    ended = suite.run(budgeted(tokens=31))
    assert ended.state is JobState.SUCCEEDED  # of 330 tokens in all, 300 were paid before it came


def test_what_failed_in_an_earlier_run_is_known_before_anything_starts_again(suite: SmallSuite) -> None:
    generating(suite, (100, InvalidData))
    request = budgeted(tokens=350)
    assert suite.run(request).state is JobState.PARTIALLY_SUCCEEDED
    before = len(suite.ran)
    suite.restart()
    again = suite.run(request)
    assert again.error is not None
    assert "tokens: 400 spent of 350" in again.error.detail
    assert len(suite.ran) == before + 1


class Killed(BaseException):
    """The process is gone: nothing of it is caught or cleaned up."""


@pytest.mark.parametrize(("error", "generations"), [(None, 2), (InvalidData, 1)])
def test_what_a_killed_coordinator_had_just_sent_is_charged(
    suite: SmallSuite,
    monkeypatch: pytest.MonkeyPatch,
    error: type[GamutError] | None,
    generations: int,
) -> None:
    """It dies after each generation's message and before any note of its own, and the job ends meanwhile; one
    that failed is tried once more, as nobody knows that it was tried."""
    generating(suite, (100, error))
    request = budgeted(tokens=150)
    job = suite.post(request)
    submit, put = suite.submission.submit, suite.store.put

    def dead(*_: object) -> None:
        raise Killed

    def die(project: str, request: JobRequest, key: str | None = None) -> JobRecord:
        record = submit(project, request, key)
        if record.operation == "generate" and not record.state.ended:
            monkeypatch.setattr(suite.store, "put", dead)
            raise Killed
        return record

    monkeypatch.setattr(suite.submission, "submit", die)
    deaths = 0
    while True:
        try:
            suite.drain()
            break
        except Killed:
            deaths += 1
            monkeypatch.setattr(suite.store, "put", put)
            suite.redis.delete(*suite.redis.keys("gamut:lease:*"), f"gamut:sent:{job.id}")
            suite.restart()
            while suite.wire:  # what was sent is done before anybody looks at the experiment again
                if (message := suite.wire.popleft()) != job.id:
                    suite.runner.run(message)
            suite.sender.send(suite.records.get(job.id))
    paused = suite.records.get(job.id)
    assert (paused.state, paused.reason) == (JobState.PAUSED, "budget_exhausted")
    assert paused.error is not None
    assert "tokens: 200 spent of 150" in paused.error.detail
    assert deaths == 2
    assert Counter(r.operation for r in suite.records.all())["generate"] == generations


def test_a_paused_experiment_can_be_cancelled_and_not_resumed_then(
    suite: SmallSuite, settings: GatewaySettings
) -> None:
    suite.summaries = ledger
    paused = suite.run(budgeted(money=0.4))
    suite.cancellation.cancel(paused.id)
    suite.drain()
    ended = suite.records.get(paused.id)
    assert ended.state is JobState.CANCELLED
    with pytest.raises(Conflict, match="only a paused one"):
        resume(suite.platform(settings), ended, None)


def test_resuming_over_http(client: TestClient, suite: SmallSuite) -> None:
    suite.summaries = ledger
    document = ladder(topics=(1, 5), seeds=(1,)) | {"budget": {"money": 0.4}}
    job = client.post("/v1/experiments", json=document).json()
    suite.drain()
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "paused"
    assert client.get(f"/v1/jobs/{job['id']}/wait?timeout=60").json()["state"] == "paused"  # at once
    address = f"/v1/experiments/{job['id']}/resume"
    assert client.post(address, json={}).status_code == 422
    assert client.post(address, json={"budget": None}).json()["state"] == "queued"
    suite.drain()
    assert client.get(f"/v1/jobs/{job['id']}").json()["state"] == "succeeded"
    assert client.post(address, json={"budget": None}).status_code == 409


def test_one_axis_value_changed_runs_again_only_what_depends_on_it(suite: SmallSuite) -> None:
    suite.run(recipe(ladder(topics=(1, 5, 20), seeds=(1, 2))))
    before = len(suite.ran)
    suite.run(recipe(ladder(topics=(1, 5, 50), seeds=(1, 2))))
    new = Counter(suite.records.get(job).operation for job in suite.ran[before:])
    assert new == {"generate": 2, "measure": 2, "train": 2, "evaluate": 2, "report": 1}
