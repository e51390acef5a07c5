"""Training and evaluation as jobs: from a dataset artifact to a model and its test loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load
from transformers import AutoModelForCausalLM

from services.trainer.operations.progress import SPENT
from services.trainer.operations.train import make_training
from shared.artifacts import Artifact, project_store
from shared.contracts.datasets import DatasetKind
from shared.contracts.jobs import JobState
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.contracts.training.results import TrainingSummary
from shared.contracts.training.settings import GradientSettings
from shared.jobs.spending import spent
from shared.jobs.workspace import Workspace
from tests.integration.trainer.conftest import Trainer
from tests.unit.services.trainer import tiny

SMALL = {"epochs": 2, "rows_per_step": 4, "learning_rate": 0.01}


def request(dataset: str, **changes: Any) -> TrainingRequest:
    return TrainingRequest.model_validate(
        {"dataset": dataset, "base": "tiny-llama", "settings": SMALL, **changes}
    )


def test_fine_tuning_lowers_the_test_loss(trainer: Trainer, tmp_path: Path) -> None:
    train = trainer.dataset(tiny.stories(16), DatasetKind.COMPLETION)
    test = trainer.dataset(tiny.stories(22)[16:], DatasetKind.COMPLETION)
    before = trainer.artifact(trainer.run(EvaluationRequest(dataset=test, base="tiny-llama")))
    model = trainer.artifact(trainer.run(request(train)))
    after = trainer.artifact(trainer.run(EvaluationRequest(dataset=test, model=model.id)))
    assert after.summary["loss"] < before.summary["loss"]
    assert after.summary["tokens"] == before.summary["tokens"]
    assert model.summary["steps"] == 8
    assert [point["step"] for point in model.json("loss_curve.json")] == list(range(1, 9))
    assert model.read("loss_curve.png").startswith(b"\x89PNG")
    assert len(list(after.rows())) == 6


def test_an_evaluation_tells_how_much_its_rows_would_teach(trainer: Trainer) -> None:
    dataset = trainer.dataset(tiny.stories(36), DatasetKind.COMPLETION)
    asked = EvaluationRequest(dataset=dataset, base="tiny-llama", gradients=GradientSettings(rows=32, side=8))
    found = trainer.artifact(trainer.run(asked)).summary["gradient_diversity"]
    plain = trainer.artifact(trainer.run(asked.model_copy(update={"gradients": None})))
    assert plain.summary["gradient_diversity"] is None
    assert 1 < found["low"] < found["value"] < found["high"]
    assert found["value"] <= 32
    assert (found["rows"], found["settings"]) == (32, {"side": 8, "rows": 32, "seed": 0})


def test_peft_loads_the_adapter_unchanged(trainer: Trainer, tmp_path: Path) -> None:
    train = trainer.dataset(tiny.stories(8), DatasetKind.COMPLETION)
    model = trainer.artifact(trainer.run(request(train)))
    folder = tmp_path / "download"
    folder.mkdir()
    for name in model.summary["files"]:
        (folder / name).write_bytes(model.read(name))
    base = AutoModelForCausalLM.from_pretrained(trainer.settings.models["tiny-llama"])
    adapted = PeftModel.from_pretrained(base, str(folder))
    ids = torch.tensor([[1, 2, 3]])
    assert adapted.peft_config["default"].base_model_name_or_path == "tiny-llama"
    with adapted.disable_adapter():
        plain = adapted(ids).logits
    assert not torch.allclose(adapted(ids).logits, plain)


def test_a_killed_training_goes_on_and_ends_the_same(trainer: Trainer) -> None:
    train = trainer.dataset(tiny.stories(16), DatasetKind.COMPLETION)
    often = {**SMALL, "checkpoint_seconds": 0, "lora": {"dropout": 0.1}}
    undisturbed = trainer.artifact(trainer.run(request(train, settings=often)))
    trainer.project = "q"
    trainer.dataset(tiny.stories(16), DatasetKind.COMPLETION)
    job = trainer.submission.submit("q", request(train, settings=often))
    steps: list[float] = []

    def dies_at_step_five(asked: TrainingRequest, workspace: Workspace) -> TrainingSummary:
        tell = workspace.progress

        def progress(done: float, *args: Any, **detail: Any) -> None:
            tell(done, *args, **detail)
            steps.append(done)
            if done == 5 and workspace.token == 1:
                raise KeyboardInterrupt  # as close to kill -9 as one process can come

        workspace.progress = progress  # type: ignore[method-assign]
        return make_training(trainer.settings, asked, workspace)

    runner = trainer.new_worker({TrainingRequest: dies_at_step_five})
    with pytest.raises(KeyboardInterrupt):
        runner.run(job.id)
    lost = spent(project_store(trainer.store, "q"), undisturbed.id)[SPENT]
    runner.run(job.id)
    ended = trainer.records.get(job.id)
    assert 0 < lost < spent(project_store(trainer.store, "q"), undisturbed.id)[SPENT]
    assert (ended.state, ended.attempts) == (JobState.SUCCEEDED, 1)  # the first one came some way
    assert [step for step in steps if step] == [1, 2, 3, 4, 5, 5, 6, 7, 8]
    resumed = trainer.artifact(ended)
    assert resumed.id == undisturbed.id
    first, second = (load(artifact.read("adapter_model.safetensors")) for artifact in (undisturbed, resumed))
    torch.testing.assert_close(second, first, rtol=1e-5, atol=1e-7)
    assert losses(resumed) == pytest.approx(losses(undisturbed), rel=1e-5)


def losses(model: Artifact) -> list[float]:
    return [point["loss"] for point in model.json("loss_curve.json")]
