"""The trainer's API: a plan of a job, before anything runs."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from transformers import AutoConfig, AutoModelForCausalLM

from services.trainer.planning.machine import Machine, announce
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind
from shared.contracts.estimates import Coming, EstimateRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from shared.contracts.training.settings import GradientSettings
from tests.integration.trainer.conftest import Trainer
from tests.unit.services.trainer import tiny
from tests.unit.services.trainer.models.test_families import GEMMA2, SHAPE


def body(dataset: str, **changes: Any) -> dict[str, Any]:
    return {"project": "p", "training": {"dataset": dataset, "base": "tiny-llama", **changes}}


def test_it_is_well(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ok", "failing": {}}


def test_a_plan_says_what_the_training_then_takes(client: TestClient, trainer: Trainer) -> None:
    dataset = trainer.dataset(tiny.stories(20), DatasetKind.COMPLETION)
    plan = client.post("/v1/plan", json=body(dataset)).raise_for_status().json()
    model = trainer.artifact(trainer.run(TrainingRequest(dataset=dataset, base="tiny-llama")))
    for name in ("steps", "tokens", "computed_tokens", "parameters", "trainable_parameters"):
        assert plan[name] == model.summary[name]
    assert plan["fits"]
    assert 0 < plan["memory_bytes"]["low"] < plan["memory_bytes"]["expected"] < plan["memory_bytes"]["high"]


def estimate(
    client: TestClient, request: JobRequest, coming: dict[str, Coming] | None = None
) -> tuple[int, Any]:
    asked = EstimateRequest(
        project="p", operation=request.operation, request=request.canonical(), coming=coming or {}
    )
    answer = client.post("/v1/estimate", json=asked.model_dump(mode="json"))
    return answer.status_code, answer.json()


def test_an_estimate_says_what_the_training_then_takes_and_makes(
    client: TestClient, trainer: Trainer
) -> None:
    dataset = trainer.dataset(tiny.stories(20), DatasetKind.COMPLETION)
    request = TrainingRequest(dataset=dataset, base="tiny-llama")
    status, before = estimate(client, request)
    model = trainer.artifact(trainer.run(request))
    assert status == 200, before
    assert (before["details"]["steps"], before["makes"]["base"]) == (model.summary["steps"], "tiny-llama")
    assert 0 < before["seconds"]["low"] < before["seconds"]["high"]
    assert before["calls"]["high"] == 0
    going_on = TrainingRequest(dataset=dataset, base_model=model.id)
    assert estimate(client, going_on)[1]["makes"]["base"] == "tiny-llama"


def test_gradients_are_paid_for_in_the_estimate(client: TestClient, trainer: Trainer) -> None:
    dataset = trainer.dataset(tiny.stories(20), DatasetKind.COMPLETION)
    scored = EvaluationRequest(dataset=dataset, base="tiny-llama")
    taught = scored.model_copy(update={"gradients": GradientSettings(rows=20)})
    (_, plain), (_, dearer) = estimate(client, scored), estimate(client, taught)
    assert dearer["seconds"]["expected"] > 2 * plain["seconds"]["expected"]
    assert dearer["details"]["memory_bytes"]["expected"] > plain["details"]["memory_bytes"]["expected"]
    few = scored.model_copy(update={"gradients": GradientSettings(rows=2)})
    assert estimate(client, few)[1]["seconds"]["expected"] < dearer["seconds"]["expected"]


def test_what_is_still_to_be_made_is_like_what_exists(client: TestClient, trainer: Trainer) -> None:
    """Twice the rows, twice the time, and a range twice as wide both ways; a model to come costs its base."""
    dataset = trainer.dataset(tiny.stories(20), DatasetKind.COMPLETION)
    rows, model = "dataset-" + "1" * 32, "model-" + "2" * 32
    _, there = estimate(client, TrainingRequest(dataset=dataset, base="tiny-llama"))
    like = {rows: Coming(rows=40, like=dataset)}
    _, twice = estimate(client, TrainingRequest(dataset=rows, base="tiny-llama"), like)
    assert twice["seconds"]["low"] == pytest.approx(there["seconds"]["low"])
    assert twice["seconds"]["high"] == pytest.approx(4 * there["seconds"]["high"])
    scored = EvaluationRequest(dataset=dataset, model=model)
    assert estimate(client, scored, {model: Coming(base="tiny-llama")})[0] == 200
    assert estimate(client, scored)[1]["code"] == "input_missing"
    assert estimate(client, TrainingRequest(dataset=rows, base="tiny-llama"))[1]["code"] == "input_missing"


def test_it_plans_for_the_machine_that_trains(client: TestClient, trainer: Trainer) -> None:
    """The API's own, on a cluster, has a fraction of the worker's memory and no GPU."""
    dataset = trainer.dataset(tiny.stories(20), DatasetKind.COMPLETION)
    announce(trainer.store, Machine(12_345, 1e9, bf16=False))
    plan = client.post("/v1/plan", json=body(dataset)).raise_for_status().json()
    assert (plan["fits"], plan["memory_available"]) == (False, 12_345)
    announce(trainer.store, Machine(2**40, 1e15, bf16=True))
    faster = client.post("/v1/plan", json=body(dataset)).raise_for_status().json()
    assert (faster["fits"], faster["memory_available"]) == (True, 2**40)
    assert faster["seconds"]["expected"] < plan["seconds"]["expected"]


def test_a_model_that_cannot_pack_rows_is_padded_and_says_so(client: TestClient, trainer: Trainer) -> None:
    """Gemma 2's attention is bent (softcap): with the default layout its trainings were refused, and with the
    layout that the refusal named they failed.
    """
    config = AutoConfig.for_model("gemma2", **{**SHAPE, **GEMMA2, "vocab_size": 400})
    folder = tiny.saved(AutoModelForCausalLM.from_config(config), trainer.folder / "gemma2")
    trainer.settings.models["tiny-gemma2"] = str(folder)
    rows = [row for row in tiny.stories(40) if len(row["context"]) < 120][:12]
    dataset = trainer.dataset(rows, DatasetKind.COMPLETION)
    plan = client.post("/v1/plan", json=body(dataset, base="tiny-gemma2")).raise_for_status().json()
    model = trainer.artifact(trainer.run(TrainingRequest(dataset=dataset, base="tiny-gemma2")))
    scored = trainer.artifact(trainer.run(EvaluationRequest(dataset=dataset, model=model.id)))
    assert plan["batching"] == model.summary["batching"] == scored.summary["batching"] == "padded"
    assert plan["computed_tokens"] == model.summary["computed_tokens"]
    request = body(dataset, base="tiny-gemma2", settings={"batching": "shared_prefix"})
    problem = client.post("/v1/plan", json=request)
    assert (problem.status_code, problem.json()["code"]) == (422, "unsuitable_model")
    assert "Use batching 'padded'" in problem.json()["detail"]


def test_a_job_that_cannot_fit_says_so_before_it_starts(client: TestClient, trainer: Trainer) -> None:
    dataset = trainer.dataset(tiny.stories(20), DatasetKind.COMPLETION)
    width = {"model_type": "llama", "hidden_size": 32768, "num_hidden_layers": 200, "vocab_size": 400}
    huge = body(dataset, architecture=width, settings={"method": "pretrain"})
    plan = client.post("/v1/plan", json=huge).raise_for_status().json()
    assert not plan["fits"]
    assert "take a smaller base" in " ".join(plan["advice"])
    ended = trainer.run(TrainingRequest.model_validate(huge["training"]))
    assert (ended.state, ended.reason) == ("failed", "does_not_fit")


def test_rows_that_do_not_fit_are_named(client: TestClient, trainer: Trainer) -> None:
    dataset = trainer.dataset(tiny.stories(6), DatasetKind.COMPLETION)
    short = body(dataset, settings={"rendering": {"max_length": 60}})
    answer = client.post("/v1/plan", json=short)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "over_long_rows"
    assert "/rows/story-" in answer.json()["errors"][0]["pointer"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"base": None}, "/training"),
        ({"unknown": 1}, "/training/unknown"),
        ({"settings": {"epochs": -1}}, "/training/settings/epochs"),
        ({"settings": {"early_stopping": {}}}, "/training"),
    ],
)
def test_a_wrong_field_is_pointed_at(
    client: TestClient, trainer: Trainer, change: dict[str, Any], pointer: str
) -> None:
    dataset = trainer.dataset(tiny.stories(2), DatasetKind.COMPLETION)
    answer = client.post("/v1/plan", json=body(dataset, **change))
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


def test_an_unknown_base_is_answered_with_the_known_ones(client: TestClient, trainer: Trainer) -> None:
    dataset = trainer.dataset(tiny.stories(2), DatasetKind.COMPLETION)
    answer = client.post("/v1/plan", json=body(dataset, base="gpt-5"))
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_model")
    assert "tiny-gpt2, tiny-llama" in answer.json()["detail"]


@pytest.mark.parametrize("project", [".", "..", ".hidden", "a/b", ""])
def test_a_project_whose_name_is_no_name_is_refused(client: TestClient, project: str) -> None:
    answer = client.post("/v1/plan", json=body("dataset-" + "0" * 32) | {"project": project})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/project"
