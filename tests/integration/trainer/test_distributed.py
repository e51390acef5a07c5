"""A training in several processes: by torchrun on one machine, by a TrainJob on a cluster."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
import yaml
from pydantic import SecretStr
from safetensors.torch import load

from services.trainer.distributed.kubeflow import TrainJobs, environment, manifest
from services.trainer.distributed.remote import told_error
from services.trainer.errors import NonFiniteLoss
from services.trainer.settings import TrainerSettings
from shared.artifacts import Artifact, project_store, scratch_store
from shared.contracts.datasets import DatasetKind
from shared.contracts.jobs import JobState
from shared.contracts.training.requests import TrainingRequest
from shared.errors import Reason
from shared.identity import artifact_id
from tests.integration.trainer.conftest import Trainer
from tests.integration.trainer.fake_cluster import Cluster, serving
from tests.unit.services.trainer import tiny
from tests.waiting import until

COMPONENT = Path(__file__).parents[3] / "k8s" / "components" / "train-job"
SMALL = {"epochs": 2, "rows_per_step": 4, "learning_rate": 0.01}
TEMPLATE = """
metadata: {labels: {team: studies}}
spec:
  runtimeRef: {name: torch-distributed}
  trainer: {numNodes: 2, image: gamut/trainer}
"""


@pytest.fixture(autouse=True)
def _children_see_the_same(trainer: Trainer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The settings that a child process reads are the worker's own."""
    for name, value in {
        "DATA_DIR": str(tmp_path),
        "MODELS": json.dumps(trainer.settings.models),
        "DEVICE": "cpu",
        "THREADS": "1",
    }.items():
        monkeypatch.setenv(f"GAMUT_{name}", value)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def rows_of(trainer: Trainer) -> str:
    """Nine rows: the last step of an epoch has one, and leaves a process with none."""
    rows = [{**row, "weight": 1.0 + 3 * (place % 4)} for place, row in enumerate(tiny.stories(9))]
    return trainer.dataset(rows, DatasetKind.COMPLETION)


def request(trainer: Trainer, **settings: Any) -> TrainingRequest:
    rows = rows_of(trainer)
    return TrainingRequest.model_validate(
        {"dataset": rows, "base": "tiny-llama", "settings": {**SMALL, **settings}}
    )


def alone(trainer: Trainer, asked: TrainingRequest) -> Artifact:
    before, trainer.project = trainer.project, "solo"
    rows_of(trainer)
    made = trainer.artifact(trainer.run(asked))
    trainer.project = before
    return made


def assert_equal(found: Artifact, expected: Artifact) -> None:
    assert found.id == expected.id
    curves = [[point["loss"] for point in one.json("loss_curve.json")] for one in (found, expected)]
    assert curves[0] == pytest.approx(curves[1], rel=1e-4)
    ours, theirs = (load(one.read("adapter_model.safetensors")) for one in (found, expected))
    for name, tensor in theirs.items():
        torch.testing.assert_close(ours[name], tensor, rtol=1e-3, atol=1e-5)
    assert found.summary["files"] == expected.summary["files"]
    assert found.summary["trainable_parameters"] == expected.summary["trainable_parameters"]


@pytest.mark.parametrize("weights", [None, "weight"])
def test_two_processes_train_what_one_trains(trainer: Trainer, weights: str | None) -> None:
    asked = request(trainer, loss_weights=weights)
    expected = alone(trainer, asked)
    trainer.settings = trainer.settings.model_copy(update={"processes": 2})
    found = trainer.artifact(trainer.run(asked))
    assert_equal(found, expected)
    assert (found.summary["effective_rows"] is None) == (weights is None)


def test_killed_processes_go_on_and_end_the_same(trainer: Trainer) -> None:
    """kill -9 to both, wherever they are: dropout, cosine and order go on as if nothing had happened."""
    asked = request(trainer, checkpoint_seconds=0, schedule="cosine", lora={"dropout": 0.1}, epochs=15)
    trainer.settings = trainer.settings.model_copy(update={"processes": 2})
    expected = alone(trainer, asked)
    killer = threading.Thread(target=kill_after, args=(trainer, asked, 7))
    killer.start()
    killed = trainer.run(asked)
    killer.join()
    assert (killed.state, killed.reason) == (JobState.QUEUED, Reason.WORKER_LOST)
    due = killed.not_before
    assert due is not None
    until(lambda: datetime.now(UTC) > due, "another attempt")
    trainer.new_worker().run(killed.id)
    assert_equal(trainer.artifact(trainer.records.get(killed.id)), expected)


def kill_after(trainer: Trainer, asked: TrainingRequest, step: int) -> None:
    """Kills the training's processes as soon as a checkpoint of that step or a later one is there."""
    scratch = scratch_store(project_store(trainer.store, trainer.project), artifact_id(asked))
    first = f"checkpoints/{step:09d}"
    until(lambda: any(info.key >= first for info in scratch.list("checkpoints/")), "a checkpoint", 300)
    for process in psutil.Process().children(recursive=True):
        if "services.trainer.distributed.process" in " ".join(process.cmdline()):
            process.kill()


def test_an_error_of_another_process_is_the_job_s_own() -> None:
    error = NonFiniteLoss(7, ["row-1", "row-2"], float("nan"))
    told = told_error(error.problem())
    assert type(told) is NonFiniteLoss
    assert (told.reason, told.problem()) == (Reason.DIVERGED, error.problem())


def test_processes_that_die_without_a_word_are_another_attempt(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = request(trainer)
    trainer.settings = trainer.settings.model_copy(update={"processes": 2})
    monkeypatch.setenv("GAMUT_DEVICE", "no such device")
    ended = trainer.run(asked)
    assert (ended.state, ended.reason, ended.attempts) == (JobState.QUEUED, Reason.WORKER_LOST, 1)


@pytest.fixture
def cluster(trainer: Trainer, tmp_path: Path) -> Iterator[Cluster]:
    account = tmp_path / "account"
    account.mkdir()
    (account / "token").write_text("a token of the account")
    (account / "namespace").write_text("studies")
    (tmp_path / "train-job.yaml").write_text(TEMPLATE)
    made = Cluster("a token of the account")
    with serving(made) as address:
        trainer.settings = trainer.settings.model_copy(
            update={
                "train_job_template": tmp_path / "train-job.yaml",
                "kubernetes_api": address,
                "kubernetes_account": account,
            }
        )
        yield made


def test_a_train_job_is_submitted_under_the_artifact_s_name(trainer: Trainer, cluster: Cluster) -> None:
    asked = request(trainer)
    found = trainer.artifact(trainer.run(asked))
    (job,) = cluster.jobs.values()
    assert job["metadata"]["name"] == f"gamut-{found.id}"
    assert len(job["metadata"]["name"]) <= 63
    assert job["spec"]["trainer"]["numNodes"] == 2
    assert job["metadata"]["labels"]["team"] == "studies"
    assert found.summary["steps"] == 6
    trainer.settings = trainer.settings.model_copy(update={"train_job_template": None})
    assert_equal(found, alone(trainer, asked))


def test_the_next_worker_takes_over_what_runs(trainer: Trainer, cluster: Cluster) -> None:
    """A dead worker's TrainJob is found by its name and not submitted twice; its result is fetched."""
    asked = request(trainer)
    scratch = scratch_store(project_store(trainer.store, trainer.project), artifact_id(asked))
    scratch.put("remote/request.json", asked.model_dump_json().encode(), "application/json")
    first = TrainJobs(trainer.settings)
    first.start(trainer.project, artifact_id(asked), 1)
    first.leave()
    assert trainer.run(asked).state is JobState.SUCCEEDED
    assert len(cluster.jobs) == 1
    assert "DELETE" not in cluster.asked


def test_a_failed_train_job_is_replaced(trainer: Trainer, cluster: Cluster) -> None:
    asked = request(trainer)
    cluster.runs = False
    TrainJobs(trainer.settings).start(trainer.project, artifact_id(asked), 1)
    cluster.end(f"gamut-{artifact_id(asked)}", "Failed")
    cluster.runs = True
    assert trainer.run(asked).state is JobState.SUCCEEDED


def test_a_cancelled_training_deletes_its_train_job(trainer: Trainer, cluster: Cluster) -> None:
    asked = request(trainer)
    cluster.runs = False
    job = trainer.submission.submit(trainer.project, asked)
    before = cluster.create

    def created(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        running = trainer.records.get(job.id)
        trainer.records.append(running, state=JobState.CANCELLING)
        return before(body)

    cluster.create = created  # type: ignore[method-assign]
    trainer.new_worker().run(job.id)
    assert trainer.records.get(job.id).state is JobState.CANCELLED
    assert cluster.jobs == {}


def test_a_cluster_that_refuses_says_why(trainer: Trainer, cluster: Cluster) -> None:
    cluster.token = "another"
    ended = trainer.run(request(trainer))
    assert ended.error is not None
    assert (ended.error.code, ended.error.detail) == (
        "train_job_refused",
        "The worker may not GET TrainJobs: Unauthorized",
    )


def test_the_manifest_is_the_template_filled_in(trainer: Trainer) -> None:
    template: dict[str, Any] = yaml.safe_load((COMPONENT / "train-job.yaml").read_text())
    before = copy.deepcopy(template)
    settings = trainer.settings.model_copy(update={"s3_secret_key": SecretStr("never in a manifest")})
    made = manifest(template, "p", "model-" + "0" * 32, 3, environment(settings))
    assert template == before
    command = ["torchrun", "-m", "services.trainer.distributed.process", "p", "model-" + "0" * 32, "3"]
    assert made["spec"]["trainer"]["command"] == command
    assert made["spec"]["trainer"]["image"] == before["spec"]["trainer"]["image"]
    names = [variable["name"] for variable in made["spec"]["trainer"]["env"]]
    assert len(names) == len({*names})
    assert {name.removeprefix("GAMUT_").lower() for name in {*names} - {"HF_TOKEN"}} <= set(
        TrainerSettings.model_fields
    )
    assert "never in a manifest" not in json.dumps(made)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="nothing here renders a kustomization")
def test_the_component_gives_the_worker_its_template_and_its_right(tmp_path: Path) -> None:
    folders = [os.path.relpath(path, tmp_path) for path in (COMPONENT.parents[1] / "base", COMPONENT)]
    overlay = {"resources": folders[:1], "components": folders[1:]}
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(overlay))
    text = subprocess.run(
        ["kubectl", "kustomize", str(tmp_path)], capture_output=True, text=True, check=True
    ).stdout
    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}
    pod = found["Deployment", "trainer-worker"]["spec"]["template"]["spec"]
    variables = {one["name"]: one.get("value") for one in pod["containers"][0]["env"]}
    (mount,) = [one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "train-job"]
    assert variables["GAMUT_TRAIN_JOB_TEMPLATE"] == mount["mountPath"] + "/train-job.yaml"
    (volume,) = [one for one in pod["volumes"] if one["name"] == "train-job"]
    assert "train-job.yaml" in found["ConfigMap", volume["configMap"]["name"]]["data"]
    assert pod["automountServiceAccountToken"]
    (rule,) = found["Role", pod["serviceAccountName"]]["rules"]
    assert (rule["apiGroups"], rule["resources"]) == (["trainer.kubeflow.org"], ["trainjobs"])
    assert set(rule["verbs"]) == {"create", "get", "delete"}
