"""Trainings that wait for one base are computed together; each keeps its own job, artifact and checkpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from safetensors.torch import load

from services.trainer.loop.checkpoints import StoredStates
from services.trainer.operations.train import make_training
from shared.artifacts import Artifact, project_store
from shared.contracts.datasets import DatasetKind
from shared.contracts.jobs import JobRecord, JobState
from shared.contracts.training.requests import TrainingRequest
from shared.contracts.training.results import TrainingSummary
from shared.identity import artifact_id
from shared.jobs.workspace import Workspace
from tests.integration.trainer.conftest import Trainer
from tests.unit.services.trainer import tiny

SMALL = {"epochs": 2, "rows_per_step": 4, "learning_rate": 0.01}


def sweep(trainer: Trainer, **changes: Any) -> list[TrainingRequest]:
    """Three trainings that differ in rows, length, seed and learning rate, in the trainer's project."""
    stories = tiny.stories(40)
    sets = [stories[:16], stories[9:21], stories[20:40]]
    rates = [0.01, 0.003, 0.02]
    return [
        TrainingRequest.model_validate(
            {
                "dataset": trainer.dataset(rows, DatasetKind.COMPLETION),
                "base": "tiny-llama",
                "seed": n,
                "settings": {**SMALL, "learning_rate": rate, **changes},
            }
        )
        for n, (rows, rate) in enumerate(zip(sets, rates, strict=True))
    ]


def submitted(trainer: Trainer, requests: list[TrainingRequest]) -> list[JobRecord]:
    return [trainer.submission.submit(trainer.project, request) for request in requests]


def alone(trainer: Trainer, **changes: Any) -> list[Artifact]:
    """The same trainings, each by itself, in a project of its own."""
    trainer.project = "solo"
    made = [trainer.artifact(trainer.run(request)) for request in sweep(trainer, **changes)]
    trainer.project = "p"
    return made


def assert_equal(found: Artifact, expected: Artifact) -> None:
    """One id, one curve, one adapter, to float tolerance."""
    assert found.id == expected.id
    curves = [[point["loss"] for point in one.json("loss_curve.json")] for one in (found, expected)]
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)
    ours, theirs = (load(one.read("adapter_model.safetensors")) for one in (found, expected))
    assert set(ours) == set(theirs)
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-3, atol=1e-5)
    same = ("steps", "tokens", "computed_tokens", "trainable_parameters", "files", "base_digest")
    assert {k: found.summary[k] for k in same} == {k: expected.summary[k] for k in same}
    assert found.read("adapter_config.json") == expected.read("adapter_config.json")


def notes(trainer: Trainer, job: str) -> list[str]:
    """What the job's progress said, in order."""
    events = trainer.live._redis.xrange(f"gamut:events:{job}")
    told = [fields for _, fields in events if fields[b"event"] == b"progress"]
    return list(dict.fromkeys(json.loads(fields[b"data"])["note"] for fields in told))


def states(trainer: Trainer, request: TrainingRequest) -> StoredStates:
    return StoredStates(project_store(trainer.store, trainer.project), artifact_id(request), trainer.folder)


def test_a_sweep_costs_one_training_and_ends_as_its_solo_runs(trainer: Trainer) -> None:
    expected = alone(trainer)
    requests = sweep(trainer)
    jobs = submitted(trainer, requests)
    runner = trainer.new_worker()
    runner.run(jobs[0].id)
    for job, request, steps in zip(jobs[1:], requests[1:], (6, 10), strict=True):
        assert trainer.records.get(job.id).state is JobState.QUEUED
        assert not trainer.live.leased(job.id)
        state = states(trainer, request).latest()
        assert state is not None
        assert state.step == steps
        runner.run(job.id)
        assert f"trained in the bundle of {jobs[0].id}" in notes(trainer, job.id)
        assert "training" not in notes(trainer, job.id)  # nothing was computed a second time
    for job, solo in zip(jobs, expected, strict=True):
        ended = trainer.records.get(job.id)
        assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 1)
        assert_equal(trainer.artifact(ended), solo)


def test_a_short_training_ends_before_the_long_one_that_leads(trainer: Trainer) -> None:
    """Once its last step is kept, a member's job is any worker's again."""
    requests = sweep(trainer)
    jobs = submitted(trainer, requests)
    other = trainer.new_worker()
    ended: dict[float, JobState] = {}

    def leads(asked: TrainingRequest, workspace: Workspace) -> TrainingSummary:
        tell = workspace.progress

        def progress(done: float, *args: Any, **detail: Any) -> None:
            tell(done, *args, **detail)
            if done:
                other.run(jobs[1].id)
                ended[done] = trainer.records.get(jobs[1].id).state

        workspace.progress = progress  # type: ignore[method-assign]
        return make_training(trainer.settings, asked, workspace, trainer.waiting)

    trainer.new_worker({TrainingRequest: leads}).run(jobs[2].id)  # ten steps; the other member has six
    assert ended[5] is JobState.QUEUED
    assert ended[8] is JobState.SUCCEEDED
    assert trainer.records.get(jobs[2].id).state is JobState.SUCCEEDED


def test_a_killed_bundle_goes_on_with_whoever_is_next(trainer: Trainer) -> None:
    """The leader's process dies at its fifth step; another member leads from there, and the dead one's job is
    taken up last.
    """
    often = {"checkpoint_seconds": 0}
    expected = alone(trainer, **often)
    requests = sweep(trainer, **often)
    jobs = submitted(trainer, requests)
    steps: list[tuple[int, float]] = []

    def dies(asked: TrainingRequest, workspace: Workspace) -> TrainingSummary:
        tell = workspace.progress

        def progress(done: float, *args: Any, **detail: Any) -> None:
            tell(done, *args, **detail)
            steps.append((asked.seed, done))
            if done == 5 and len({seed for seed, _ in steps}) == 1:
                raise KeyboardInterrupt

        workspace.progress = progress  # type: ignore[method-assign]
        return make_training(trainer.settings, asked, workspace, trainer.waiting)

    runner = trainer.new_worker({TrainingRequest: dies})
    with pytest.raises(KeyboardInterrupt):
        runner.run(jobs[0].id)
    kept = [states(trainer, request).latest() for request in requests]
    assert {state.step for state in kept if state is not None} == {4}
    for job in (jobs[1], jobs[2], jobs[0]):
        runner.run(job.id)
    computed = {seed: [done for by, done in steps if by == seed and done] for seed in (0, 1, 2)}
    assert computed[0][:5] == [1, 2, 3, 4, 5]
    assert computed[1][0] == 5  # from where the dead leader stopped
    for job, solo in zip(jobs, expected, strict=True):
        assert_equal(trainer.artifact(trainer.records.get(job.id)), solo)


def test_a_held_job_is_left_alone_and_its_message_comes_again(trainer: Trainer) -> None:
    requests = sweep(trainer)
    jobs = submitted(trainer, requests)
    other = trainer.new_worker()
    seen: list[JobState] = []

    def meanwhile(asked: TrainingRequest, workspace: Workspace) -> TrainingSummary:
        tell = workspace.progress

        def progress(done: float, *args: Any, **detail: Any) -> None:
            tell(done, *args, **detail)
            if done == 3:
                other.run(jobs[1].id)  # another worker takes the member's message
                seen.append(trainer.records.get(jobs[1].id).state)

        workspace.progress = progress  # type: ignore[method-assign]
        return make_training(trainer.settings, asked, workspace, trainer.waiting)

    sent: list[str] = []
    trainer.sender._send = lambda queue, job: sent.append(job)
    trainer.new_worker({TrainingRequest: meanwhile}).run(jobs[0].id)
    assert seen == [JobState.QUEUED]
    assert sent == [jobs[1].id]  # its message was used up; the third one's still lies in the queue


def test_only_what_can_go_along_does(trainer: Trainer) -> None:
    """Another base, another adapter, dropout, bad rows: each waits for its own turn."""
    first, *_ = sweep(trainer)
    bad = trainer.dataset([{"id": "x", "context": "He came.", "completion": ""}], DatasetKind.COMPLETION)

    def changed(**fields: Any) -> TrainingRequest:
        return TrainingRequest.model_validate({**first.model_dump(mode="json"), **fields})

    lora = first.settings.model_dump(mode="json")
    others = [
        changed(base="tiny-gpt2"),
        changed(settings={**lora, "lora": {"r": 4}}),
        changed(settings={**lora, "lora": {"dropout": 0.1}}),
        changed(dataset=bad, seed=5),
    ]
    jobs = submitted(trainer, [first, *others])
    trainer.new_worker().run(jobs[0].id)
    assert trainer.records.get(jobs[0].id).state is JobState.SUCCEEDED
    assert all(states(trainer, request).latest() is None for request in others)
    assert notes(trainer, jobs[0].id)[-1] == "training"  # it had no bundle
    trainer.new_worker().run(jobs[4].id)
    ended = trainer.records.get(jobs[4].id)
    assert (ended.state, ended.reason) == (JobState.FAILED, "invalid_data")


def test_no_more_go_along_than_fit_the_memory_or_the_setting(trainer: Trainer) -> None:
    for settings in (
        trainer.settings.model_copy(update={"bundle": 2}),
        trainer.settings.model_copy(update={"bundle": 1}),
    ):
        trainer.settings = settings
        trainer.project = f"p{settings.bundle}"
        requests = sweep(trainer)
        jobs = submitted(trainer, requests)
        trainer.new_worker().run(jobs[0].id)
        together = [request for request in requests if states(trainer, request).latest() is not None]
        assert len(together) == (2 if settings.bundle == 2 else 0)
