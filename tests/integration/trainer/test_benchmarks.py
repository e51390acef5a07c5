"""Zero-shot benchmarks in an evaluation: the harness on a local task, against plain transformers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from shared.contracts.datasets import DatasetKind
from shared.contracts.training.requests import EvaluationRequest
from tests.integration.trainer.conftest import Trainer
from tests.unit.services.trainer import tiny

pytest.importorskip("lm_eval", reason="the harness is an optional extra")

TASK = """
task: next_sentence
dataset_path: json
dataset_kwargs:
  data_files:
    test: next_sentence.jsonl
test_split: test
output_type: multiple_choice
doc_to_text: "{{context}}"
doc_to_choice: "{{choices}}"
doc_to_target: answer
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""


def questions() -> list[dict[str, object]]:
    """A story's next sentence beside two others."""
    rows = []
    for n, story in enumerate(tiny.stories(18)):
        others = [tiny.SENTENCES[(n + 5) % 12], tiny.SENTENCES[(n + 9) % 12]]
        choices = [*others[: n % 3], story["completion"], *others[n % 3 :]]
        rows.append({"context": story["context"], "choices": choices, "answer": n % 3})
    return rows


@pytest.fixture
def tasks(trainer: Trainer, tmp_path: Path) -> Path:
    folder = tmp_path / "tasks"
    folder.mkdir()
    (folder / "next_sentence.yaml").write_text(TASK)
    (folder / "next_sentence.jsonl").write_text("\n".join(map(json.dumps, questions())))
    trainer.settings = trainer.settings.model_copy(update={"benchmark_tasks": str(folder)})
    return folder


@torch.no_grad()
def accuracy(folder: str) -> float:
    """Share of questions whose answer is the likeliest continuation, by plain transformers."""
    model, coder, right = AutoModelForCausalLM.from_pretrained(folder), tiny.tokenizer(), 0
    for row in questions():
        given = coder.encode(str(row["context"]))
        scores = []
        for choice in row["choices"]:  # type: ignore[attr-defined]
            whole = coder.encode(f"{row['context']} {choice}")
            values = model(torch.tensor([whole])).logits[0].log_softmax(-1)
            places = range(len(given), len(whole))
            scores.append(sum(float(values[place - 1, whole[place]]) for place in places))
        right += scores.index(max(scores)) == row["answer"]
    return right / len(questions())


def test_a_benchmark_s_accuracy_is_transformers_own(trainer: Trainer, tasks: Path) -> None:
    test = trainer.dataset(tiny.stories(4), DatasetKind.COMPLETION)
    asked = EvaluationRequest(dataset=test, base="tiny-llama", benchmarks=("next_sentence",))
    evaluation = trainer.artifact(trainer.run(asked))
    found = evaluation.json("evaluation.json")["benchmarks"]["next_sentence"]["acc"]
    assert found == pytest.approx(accuracy(trainer.settings.models["tiny-llama"]))
    assert evaluation.summary["benchmarks"] == {"next_sentence": {"acc": found}}
    assert evaluation.summary["rows"] == 4


def test_an_unknown_benchmark_is_answered_with_the_known_ones(trainer: Trainer, tasks: Path) -> None:
    test = trainer.dataset(tiny.stories(4), DatasetKind.COMPLETION)
    asked = EvaluationRequest(dataset=test, base="tiny-llama", benchmarks=("next_sentence", "hellaswag"))
    ended = trainer.run(asked)
    assert ended.error is not None
    assert (ended.error.code, ended.error.errors[0].pointer) == ("unknown_benchmark", "/benchmarks/1")
    assert "Known: next_sentence" in ended.error.detail


def test_a_trainer_without_tasks_says_so(trainer: Trainer) -> None:
    test = trainer.dataset(tiny.stories(4), DatasetKind.COMPLETION)
    ended = trainer.run(EvaluationRequest(dataset=test, base="tiny-llama", benchmarks=("next_sentence",)))
    assert ended.error is not None
    assert "GAMUT_BENCHMARK_TASKS" in ended.error.detail
