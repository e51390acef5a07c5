"""Chats as people have them: planned, trained and evaluated, turn by turn, and taken away."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from transformers import AutoTokenizer

from shared.contracts.datasets import DatasetKind
from shared.contracts.jobs import JobState
from shared.contracts.training.requests import EvaluationRequest, TrainingRequest
from tests.integration.trainer.conftest import Trainer
from tests.unit.services.trainer import tiny

TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
RENDERING: dict[str, Any] = {"template": TEMPLATE}
SMALL = {"epochs": 2, "rows_per_step": 4, "learning_rate": 0.01, "rendering": RENDERING}
SYSTEM = {"role": "system", "content": "Tell of the Snow Man."}


def chats(count: int) -> list[dict[str, Any]]:
    """Two turns of the assistant's in each, about what stands in the tests' stories."""
    return [
        {
            "id": f"c{number}",
            "messages": [
                SYSTEM,
                {"role": "user", "content": f"What is it, {number}?"},
                {"role": "assistant", "content": tiny.SENTENCES[number % len(tiny.SENTENCES)]},
                {"role": "user", "content": "And then?"},
                {"role": "assistant", "content": tiny.SENTENCES[(number + 1) % len(tiny.SENTENCES)]},
            ],
        }
        for number in range(count)
    ]


@pytest.mark.parametrize("batching", ["packed", "shared_prefix"])
def test_chats_are_trained_and_evaluated_turn_by_turn(
    trainer: Trainer, tmp_path: Path, batching: str
) -> None:
    dataset = trainer.dataset(chats(8), DatasetKind.CHAT)
    settings = SMALL | {"batching": batching}
    trained = trainer.run(
        TrainingRequest.model_validate({"dataset": dataset, "base": "tiny-llama", "settings": settings})
    )
    assert trained.state is JobState.SUCCEEDED, trained.error
    model = trainer.artifact(trained)
    assert (model.summary["rendering"]["rows"], model.summary["rendering"]["endless"]) == (8, 0)
    scored = [
        trainer.artifact(
            trainer.run(
                EvaluationRequest.model_validate(
                    {"dataset": dataset, **tested, "settings": {"rendering": RENDERING, "batching": batching}}
                )
            )
        )
        for tested in ({"base": "tiny-llama"}, {"model": model.id})
    ]
    before, after = (found.summary["turns"] for found in scored)
    assert [turn["turn"] for turn in after] == [1, 2]
    assert all(turn["rows"] == 8 for turn in after)
    assert all(late["loss"] < early["loss"] for early, late in zip(before, after, strict=True))
    assert sum(turn["tokens"] for turn in after) == scored[1].summary["tokens"]
    assert all(len(row["turns"]) == 2 for row in scored[1].rows())
    for name in model.summary["files"]:
        (tmp_path / name).write_bytes(model.read(name))
    assert AutoTokenizer.from_pretrained(str(tmp_path)).chat_template == TEMPLATE


def test_a_plan_shows_three_rows_with_the_learned_part_marked(trainer: Trainer, client: TestClient) -> None:
    dataset = trainer.dataset(chats(5), DatasetKind.CHAT)
    training = {"dataset": dataset, "base": "tiny-llama", "settings": SMALL}
    plan = client.post("/v1/plan", json={"project": "p", "training": training}).raise_for_status().json()
    assert [row["row"] for row in plan["examples"]] == ["c0", "c1", "c2"]
    pieces = plan["examples"][0]["pieces"]
    said = [tiny.SENTENCES[0] + "<|end|>", tiny.SENTENCES[1] + "<|end|>"]
    assert [piece["text"] for piece in pieces if piece["learned"]] == said
    assert pieces[0]["text"].startswith("system: Tell of the Snow Man.<|end|>\nuser: What is it, 0?")


def test_chats_without_a_template_are_refused_with_what_to_do(trainer: Trainer) -> None:
    dataset = trainer.dataset(chats(2), DatasetKind.CHAT)
    ended = trainer.run(TrainingRequest.model_validate({"dataset": dataset, "base": "tiny-llama"}))
    assert ended.error is not None
    assert ended.error.code == "unsuitable_model"
    assert "rendering.template" in ended.error.detail
