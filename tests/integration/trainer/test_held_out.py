"""An evaluation on several test sets, and with answers: each figure is that of the set alone."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.datasets import DatasetKind
from shared.contracts.jobs import JobState
from shared.contracts.training.requests import EvaluationRequest
from tests.integration.trainer.conftest import Trainer
from tests.unit.services.trainer import tiny

FIGURES = ("rows", "tokens", "loss", "perplexity", "exact_match", "f1", "chrf", "answers_cut")
ANSWERS = {"metrics": ["exact_match", "f1", "chrf"], "max_new_tokens": 8}


def evaluated(trainer: Trainer, **body: Any) -> Any:
    return trainer.artifact(trainer.run(EvaluationRequest.model_validate({"base": "tiny-llama", **body})))


def test_every_test_set_has_the_figures_that_it_has_alone(trainer: Trainer) -> None:
    own = trainer.dataset(tiny.stories(7), DatasetKind.COMPLETION)
    general = trainer.dataset(tiny.stories(12)[7:], DatasetKind.COMPLETION)
    tests = {"general": {"dataset": general, "role": "keep"}, "own": {"dataset": own}}
    both = evaluated(trainer, tests=tests, answers=ANSWERS)
    for name, dataset, part in (("own", own, "rows.jsonl"), ("general", general, "rows_general.jsonl")):
        alone = evaluated(trainer, dataset=dataset, answers=ANSWERS)
        told = both.summary["tests"][name]
        assert {figure: told[figure] for figure in FIGURES} == {f: alone.summary[f] for f in FIGURES}
        assert (told["dataset"], told["part"]) == (dataset, part)
        assert list(both.rows(part)) == list(alone.rows())
    assert both.summary["loss"] == both.summary["tests"]["own"]["loss"]
    assert both.summary["tests"]["general"]["role"] == "keep"
    assert both.manifest.inputs == {"tests/own/dataset": own, "tests/general/dataset": general}


def test_the_rows_hold_the_answers_that_the_figures_are_means_of(trainer: Trainer) -> None:
    rows, contexts = tiny.questions(2, 3)
    dataset = trainer.dataset(rows, DatasetKind.QA, contexts)
    made = evaluated(trainer, dataset=dataset, answers=ANSWERS)
    shown = list(made.rows())
    assert all(isinstance(row["answer"], str) for row in shown)
    for metric in ANSWERS["metrics"]:
        assert made.summary[metric] == pytest.approx(sum(row[metric] for row in shown) / len(shown))


def test_texts_have_nothing_to_answer_and_say_so(trainer: Trainer) -> None:
    dataset = trainer.dataset([{"id": "t1", "text": "A cat sat on a mat."}], DatasetKind.TEXT)
    request = EvaluationRequest.model_validate({"base": "tiny-llama", "dataset": dataset, "answers": {}})
    record = trainer.run(request)
    assert record.state is JobState.FAILED
    assert record.error is not None
    assert record.error.errors[0].pointer == "/rows/t1"


def test_an_evaluation_of_one_test_set_is_what_it_was() -> None:
    short = EvaluationRequest(dataset="dataset-" + "0" * 32, base="story-generator")
    assert not {"tests", "answers"} & {*short.canonical()}
    assert EvaluationRequest.model_validate(short.canonical()) == short
