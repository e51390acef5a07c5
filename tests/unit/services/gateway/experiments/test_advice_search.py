"""A search from its recipe to the recommended mixture: real proposals, over trainings that cost nothing."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.advice import advice_recipe
from services.gateway.experiments.expansion import expand
from services.metrics.operations.propose import make_proposal
from services.metrics.operations.select import make_sample, make_split
from shared.artifacts import Artifact, find_manifest, project_store
from shared.contracts.advice import AdviceRequest, ProposalRequest
from shared.contracts.base import ArtifactSummary, JobRequest
from shared.contracts.jobs import JobRecord, JobState
from shared.contracts.mixture import SampleRequest, SplitRequest
from shared.contracts.operations import OPERATIONS
from shared.contracts.training.requests import EvaluationRequest
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace
from shared.store.local import LocalStore
from tests.summaries import summary_of
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite

REAL, TEST, NEAR, FAR = ("dataset-" + letter * 32 for letter in "1234")
BEST_RHO = 0.4
SEARCH = AdviceRequest.model_validate(
    {
        "real": REAL, "test": TEST, "pools": {"near": NEAR, "far": FAR}, "base": "story-base", "size": 24,
        "proxy_steps": 1, "search": {"low": 0.1, "high": 0.7, "step": 0.1}, "seeds": [1, 2],
    }
)  # fmt: skip
RECIPE = advice_recipe(SEARCH)


class Searching(SmallSuite):
    """Rows are split, sampled and mixed for real; what a training would bring follows from the mixture."""

    def __init__(self, store: LocalStore, redis_url: str) -> None:
        super().__init__(store, redis_url, operations=OPERATIONS)
        for artifact, rows in ((REAL, 60), (TEST, 10), (NEAR, 90), (FAR, 90)):
            give_rows(store, artifact, rows)

    def _work(self, request: JobRequest, workspace: Workspace) -> ArtifactSummary:
        self.ran.append(workspace.job)
        if isinstance(request, ProposalRequest):
            return make_proposal(request, workspace)
        if isinstance(request, SplitRequest):
            return make_split(request, workspace)
        if isinstance(request, SampleRequest):
            return make_sample(request, workspace)
        if isinstance(request, EvaluationRequest):
            return summary_of(request, loss=loss(trained_on(request, workspace)))
        return summary_of(request)


def trained_on(request: EvaluationRequest, workspace: Workspace) -> dict[str, Any]:
    """The summary of the rows that the evaluated model was trained on."""
    if request.model is None:
        return {}
    return workspace.input(workspace.input(request.model).manifest.inputs["dataset"]).summary


def loss(mixture: dict[str, Any]) -> float:
    if "planned_rho" not in mixture:
        return 9.0
    return float((mixture["planned_rho"] - BEST_RHO) ** 2 + (mixture["pool"] == "far") + 1)


def give_rows(store: LocalStore, artifact: str, count: int) -> None:
    corner = project_store(store, PROJECT)
    rows = "".join(json.dumps({"id": f"{artifact[-1]}{n}", "text": f"row {n}"}) + "\n" for n in range(count))
    part = {
        "name": "rows.jsonl", "key": "rows.jsonl", "bytes": len(rows),
        "sha256": hashlib.sha256(rows.encode()).hexdigest(),
        "media_type": "application/jsonl", "rows": count,
    }  # fmt: skip
    manifest = {
        "id": artifact, "kind": "dataset", "operation": "ingest", "version": 1, "request": {}, "inputs": {},
        "parts": [part], "summary": {"kind": "text", "rows": count}, "software": {}, "job": "job-0",
        "created_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    corner.put(f"artifacts/{artifact}/rows.jsonl", rows.encode())
    corner.put(f"artifacts/{artifact}/manifest.json", json.dumps(manifest).encode())


def recommended(suite: Searching) -> dict[str, Any]:
    """The mixture that the search ended with: its summary, its rows and the trials behind it."""
    node = expand(RECIPE, Catalogue(OPERATIONS)).nodes["recommended"]
    store = project_store(suite.store, PROJECT)
    manifest = find_manifest(store, node.artifact)
    assert manifest is not None
    made = Artifact(store, manifest)
    return manifest.summary | {"ids": [row["id"] for row in made.rows()], "told": made.json("trials.json")}


def check_ended(suite: Searching, job: JobRecord) -> None:
    record = suite.records.get(job.id)
    assert (record.state, record.error) == (JobState.SUCCEEDED, None)
    assert len(suite.ran) == len(set(suite.ran)), "a node ran twice"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, redis_server: str) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("peace")
    suite = Searching(LocalStore(folder, "http://gateway.test", "a secret of the test's own"), redis_server)
    suite.redis.flushall()
    check_ended(suite, suite.run(RECIPE))
    return recommended(suite)


def test_the_search_ends_with_the_mixture_that_tested_best(undisturbed: dict[str, Any]) -> None:
    assert undisturbed["pool"] == "near"
    assert undisturbed["planned_rho"] == pytest.approx(BEST_RHO, abs=0.1)
    last = [trial for trial in undisturbed["told"] if trial["rung"] == 1]
    assert (last[0]["rho"], last[0]["outcome"]) == (undisturbed["planned_rho"], "kept")
    assert {trial["outcome"] for trial in last[1:]} == {"pruned"}
    first = [trial["outcome"] for trial in undisturbed["told"] if trial["rung"] == 0]
    assert (len(first), first[:3]) == (9, ["kept"] * 3)  # three go on; a new one may be one tried before


def test_a_coordinator_that_dies_after_every_message_recommends_the_same(
    local_store: LocalStore, redis_url: str, undisturbed: dict[str, Any]
) -> None:
    suite = Searching(local_store, redis_url)
    job = suite.post(RECIPE)
    while suite.step():
        suite.restart()
    check_ended(suite, job)
    assert recommended(suite) == undisturbed


class Killed(BaseException):
    """The process is gone: nothing of it is caught or cleaned up."""


@pytest.mark.parametrize("after", [2, 7, 20, 40])
def test_a_coordinator_that_is_killed_while_it_submits_recommends_the_same(
    local_store: LocalStore, redis_url: str, undisturbed: dict[str, Any], after: int
) -> None:
    """It dies between the message of a job and its own note that it sent it, and Redis forgets everything."""
    suite = Searching(local_store, redis_url)
    job = suite.post(RECIPE)
    submit, put, submitted = suite.submission.submit, local_store.put, 0

    def dead(*_: object) -> None:
        raise Killed

    def die(project: str, request: JobRequest, key: str | None = None) -> JobRecord:
        nonlocal submitted
        record = submit(project, request, key)
        submitted += 1
        if submitted == after:
            local_store.put = dead  # type: ignore[method-assign, assignment]  # a dead process notes nothing either
            raise Killed
        return record

    suite.submission.submit = die  # type: ignore[method-assign]  # where the process dies, not what it does
    try:
        suite.drain()
        raise AssertionError("it was to die")
    except Killed:
        local_store.put = put  # type: ignore[method-assign]
        suite.redis.flushall()
        suite.restart()
    suite.reconciler.once()
    for _ in range(2):  # as the reconciler does every few seconds
        suite.drain()
        suite.redis.delete(f"gamut:sent:{job.id}")
        suite.sender.send(suite.records.get(job.id))
    suite.drain()
    check_ended(suite, job)
    assert recommended(suite) == undisturbed


class Hopeless(Searching):
    """No mixture's model can be evaluated on the rows that are held back to choose by."""

    def _work(self, request: JobRequest, workspace: Workspace) -> ArtifactSummary:
        if isinstance(request, EvaluationRequest) and request.dataset != TEST:
            raise InvalidData("the loss is not finite")
        return super()._work(request, workspace)


def test_a_search_that_comes_to_no_mixture_is_told_with_every_trial(
    local_store: LocalStore, redis_url: str
) -> None:
    suite = Hopeless(local_store, redis_url)
    ended = suite.records.get(suite.run(RECIPE).id)
    assert ended.state is JobState.PARTIALLY_SUCCEEDED
    assert ended.artifact is not None
    report = Artifact.open(project_store(suite.store, PROJECT), ended.artifact).manifest.request
    assert [(tried["axes"]["rung"], tried["evaluation"]) for tried in report["tried"]] == [(0, None)] * 9
    assert {run["name"].partition(" ")[0] for run in report["runs"]} == {"real", "untuned"}
