"""Adapters merged as a job: a model artifact like any other."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts.datasets import DatasetKind
from shared.contracts.jobs import JobState
from shared.contracts.training.merging import MergeRequest
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from tests.integration.trainer.conftest import Trainer
from tests.unit.services.trainer import tiny

SMALL = {"max_steps": 4, "rows_per_step": 4, "learning_rate": 0.02}


def trained(trainer: Trainer, start: int, base: str = "tiny-llama", **settings: Any) -> str:
    rows = trainer.dataset(tiny.stories(40)[start : start + 8], DatasetKind.COMPLETION)
    body = {"dataset": rows, "base": base, "settings": {**SMALL, **settings}}
    return trainer.artifact(trainer.run(TrainingRequest.model_validate(body))).id


def merged(trainer: Trainer, **weights: float) -> Any:
    parts = [{"model": model, "weight": weight} for model, weight in weights.items()]
    return trainer.run(MergeRequest.model_validate({"parts": parts}))


def loss(trainer: Trainer, **of: str) -> float:
    test = trainer.dataset(tiny.stories(22)[16:], DatasetKind.COMPLETION)
    found = trainer.artifact(trainer.run(EvaluationRequest.model_validate({"dataset": test, **of})))
    return float(found.summary["loss"])


def test_a_merged_model_is_evaluated_and_merged_again(trainer: Trainer) -> None:
    one, two = trained(trainer, 0), trained(trainer, 16)
    both = trainer.artifact(merged(trainer, **{one: 0.5, two: 0.5}))
    assert both.summary["base"] == "tiny-llama"
    assert both.summary["rank"] == 16
    figures = {loss(trainer, model=model) for model in (one, two, both.id)}
    assert len(figures) == 3
    alone = trainer.artifact(merged(trainer, **{one: 1.0, two: 0.0}))
    assert loss(trainer, model=alone.id) == pytest.approx(loss(trainer, model=one), rel=1e-5)
    none = trainer.artifact(merged(trainer, **{one: 0.0}))
    assert loss(trainer, model=none.id) == pytest.approx(loss(trainer, base="tiny-llama"), rel=1e-5)
    again = trainer.artifact(merged(trainer, **{both.id: 2.0, two: -1.0}))
    assert loss(trainer, model=again.id) == pytest.approx(loss(trainer, model=one), rel=1e-4)


def test_what_cannot_be_merged_is_refused_at_its_place(trainer: Trainer) -> None:
    one = trained(trainer, 0)
    for other in (trained(trainer, 0, "tiny-gpt2"), trained(trainer, 0, method="full", max_steps=1)):
        ended = merged(trainer, **{one: 1, other: 1})
        assert ended.state is JobState.FAILED
        assert ended.error is not None
        assert ended.error.code == "unsuitable_model"
        assert ended.error.errors[0].pointer == "/parts/1/model"


MODEL = "model-" + "0" * 32


@pytest.mark.parametrize(
    "parts", [[], [{"model": MODEL, "weight": 1}] * 2, [{"model": MODEL}], [{"model": MODEL, "weight": 1e9}]]
)
def test_what_is_no_merge_is_refused(parts: list[dict[str, Any]]) -> None:
    with pytest.raises(ValidationError):
        MergeRequest.model_validate({"parts": parts})
