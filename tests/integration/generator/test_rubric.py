"""A judge with a rubric of the user's own, on a dataset's rows and on what a model wrote to its prompts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from shared.artifacts import Artifact
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.sources import SourceRef
from shared.contracts.instruments import JudgeRequest
from shared.contracts.jobs import JobState
from shared.contracts.training.requests import EvaluationRequest
from shared.contracts.training.results import EvaluationSummary, TokenCounts, TrimmedPerplexity
from shared.jobs.workspace import Workspace
from tests.integration.generator.conftest import Service, Simulated, upload
from tests.simulation.server import MODEL

SOURCE = SourceRef(name="small", model=MODEL, revision="1")
RUBRIC = "1: speaks of cats. 5: speaks of nothing but dogs."
ROWS = [
    {"id": f"r{i}", "context": f"Prompt number {i}.", "completion": f"Its answer {i}."} for i in range(12)
]


@pytest.fixture
def endpoint(simulate: Callable[..., Simulated]) -> Simulated:
    return simulate()


@pytest.fixture
def worker(endpoint: Simulated, service: Callable[..., Service]) -> Service:
    return service(small=endpoint.source(api="chat"))


@pytest.fixture
def rows(worker: Service) -> str:
    return upload(worker.store, DatasetKind.COMPLETION, ROWS)


def evaluation(worker: Service, dataset: str, *, answered: bool = True) -> str:
    """As the trainer leaves it; one row was too long and has no answer."""

    def handler(request: EvaluationRequest, workspace: Workspace) -> EvaluationSummary:
        told = {"answer": "Written by the model."} if answered else {}
        workspace.output.put_rows("rows.jsonl", [{"id": row["id"], "nll": 1.0, **told} for row in ROWS[1:]])
        counts = TokenCounts(rows=11, tokens=11, predicted_tokens=11, longest=1)
        trimmed = TrimmedPerplexity(trimmed_mean=1, median=1, raw_mean=1, outliers=0)
        return EvaluationSummary(
            rows=11,
            tokens=11,
            loss=1,
            perplexity=2.7,
            per_response=trimmed,
            batching="packed",
            rendering=counts,
            base="story-base",
            base_digest="0",
        )

    job = worker.submit(EvaluationRequest(dataset=dataset, base="story-base" if answered else "other"))
    worker.worker({EvaluationRequest: handler}).run(job.id)
    return worker.artifact(worker.records.get(job.id)).id


def judged(worker: Service, **body: Any) -> Artifact:
    ended = worker.run(JudgeRequest.model_validate({"source": SOURCE.model_dump(), **body}))
    assert ended.state is JobState.SUCCEEDED, ended.error
    return worker.artifact(ended)


def test_a_rubric_is_what_the_judge_is_asked_by(worker: Service, rows: str) -> None:
    found = judged(worker, dataset=rows, rubric=RUBRIC)
    ratings = [row["rubric"] for row in found.rows("ratings.jsonl")]
    assert len(ratings) == len(ROWS)
    assert found.summary["rubric_mean"] == pytest.approx(sum(ratings) / len(ratings))
    assert "quality_mean" not in found.summary
    assert sum(found.summary["rubric_counts"]) == len(ROWS)


def test_what_a_model_wrote_is_rated_in_place_of_the_rows_own(worker: Service, rows: str) -> None:
    evaluated = evaluation(worker, rows)
    found = judged(worker, dataset=rows, answers=evaluated, rubric=RUBRIC)
    assert [row["row"] for row in found.rows("ratings.jsonl")] == [row["id"] for row in ROWS[1:]]
    assert found.manifest.inputs == {"dataset": rows, "answers": evaluated}
    assert found.id != judged(worker, dataset=rows, rubric=RUBRIC).id


def test_an_evaluation_without_answers_to_these_rows_is_refused(worker: Service, rows: str) -> None:
    other = upload(worker.store, DatasetKind.COMPLETION, [{**ROWS[0], "id": "other"}])
    silent = evaluation(worker, rows, answered=False)
    for dataset, answers in ((other, evaluation(worker, rows)), (rows, silent)):
        body = {"dataset": dataset, "answers": answers, "source": SOURCE.model_dump(), "rubric": RUBRIC}
        ended = worker.run(JudgeRequest.model_validate(body))
        assert (ended.state, ended.reason) == (JobState.FAILED, "invalid_request")
        assert ended.error is not None
        assert ended.error.errors[0].pointer == "/answers"


NOWHERE = "dataset-" + "0" * 32


@pytest.mark.parametrize(
    "body", [{"aspects": ["rubric"]}, {"aspects": ["quality"], "rubric": RUBRIC}, {"rubric": ""}]
)
def test_a_rubric_and_its_aspect_go_together(body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JudgeRequest.model_validate({"dataset": NOWHERE, "source": SOURCE.model_dump(), **body})


def test_a_judgement_without_a_rubric_is_what_it_was() -> None:
    short = JudgeRequest(dataset=NOWHERE, source=SOURCE)
    assert not {"rubric", "answers"} & set(short.canonical())
    assert JudgeRequest.model_validate(short.canonical()) == short
