"""From what a model does worst to the rows it learned from."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.operations.text_sets import embedders
from services.metrics.operations.trace import Tracing
from services.metrics.semantic.nearest import nearest
from shared.contracts.base import ArtifactKind, JobRequest, Queue
from shared.contracts.trace import TraceRequest
from shared.errors import InvalidRequest
from tests.summaries import AnySummary
from tests.unit.services.metrics import phrases


class Trained(JobRequest):
    """Stands for a training."""

    operation: ClassVar[str] = "train"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.MODEL
    queue: ClassVar[Queue] = Queue.TRAIN
    result: ClassVar[type[AnySummary]] = AnySummary

    dataset: str
    base_model: str | None = None

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset} | ({"base_model": self.base_model} if self.base_model else {})


class Evaluated(JobRequest):
    """Stands for an evaluation; `losses` by row."""

    operation: ClassVar[str] = "evaluate"
    version: ClassVar[int] = 1
    produces: ClassVar[ArtifactKind] = ArtifactKind.EVALUATION
    queue: ClassVar[Queue] = Queue.TRAIN
    result: ClassVar[type[AnySummary]] = AnySummary

    dataset: str
    model: str | None = None
    losses: list[float]

    def input_artifacts(self) -> dict[str, str]:
        return {"dataset": self.dataset} | ({"model": self.model} if self.model else {})


def evaluate(request: Evaluated, workspace: Any) -> AnySummary:
    rows = [{"id": str(n), "tokens": 2, "nll": 2 * loss} for n, loss in enumerate(request.losses)]
    workspace.output.put_rows("rows.jsonl", rows)
    return AnySummary(loss=1.0)


def train(request: Trained, workspace: Any) -> AnySummary:
    return AnySummary()


TEST = [{"text": "the blue fox sleeps"}, {"text": "a red dragon sings songs"}, {"text": "nothing at all"}]
ORIGIN = {"source": "stories", "topic": "dragons", "prompt_hash": "abc", "seed": 7}
LEARNED = [
    {"text": "the green fox runs"},
    {"text": "a red dragon hums songs", "origin": ORIGIN},
    {"text": "ships"},
]


def trace(bench: Any, **more: Any) -> Any:
    test, data = bench.dataset(TEST), bench.dataset(LEARNED)
    model = bench.run(train, Trained(dataset=data, **more)).id
    evaluation = bench.run(evaluate, Evaluated(dataset=test, model=model, losses=[1.0, 5.0, 2.0])).id
    return bench.run(Tracing(embedders({})).trace, TraceRequest(evaluation=evaluation, rows=2, neighbours=2))


def test_the_worst_row_leads_to_the_nearest_training_row_and_its_origin(bench: Any) -> None:
    made = trace(bench)
    first, second = made.rows("worst_rows.jsonl")
    assert (first["id"], first["loss"], first["text"]) == ("1", 5.0, "a red dragon sings songs")
    assert second["id"] == "2"
    near = first["nearest"][0]
    assert (near["text"], near["origin"]) == ("a red dragon hums songs", ORIGIN)
    assert near["similarity"] > first["nearest"][1]["similarity"]
    assert (made.summary["training_rows"], made.summary["sources"]) == (3, ["stories"])


def test_rows_of_the_base_models_training_count_too(bench: Any) -> None:
    before = bench.dataset([{"text": "a red dragon sings songs loudly"}])
    base = bench.run(train, Trained(dataset=before)).id
    first = next(iter(trace(bench, base_model=base).rows("worst_rows.jsonl")))
    assert first["nearest"][0]["dataset"] == before


def test_a_model_that_was_not_trained_here_is_refused(bench: Any) -> None:
    evaluation = bench.run(evaluate, Evaluated(dataset=bench.dataset(TEST), losses=[1.0, 2.0, 3.0])).id
    with pytest.raises(InvalidRequest, match=phrases.NOT_TRAINED_HERE):
        bench.run(Tracing(embedders({})).trace, TraceRequest(evaluation=evaluation))


@settings(max_examples=40)
@given(st.integers(0, 30), st.integers(1, 5), st.integers(1, 7), st.integers(0, 99))
def test_chunks_change_nothing(rows: int, k: int, chunk: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors, queries = (random.normal(size=(n, 4)).astype(np.float32) for n in (rows, 3))
    found = nearest(queries, (vectors[start : start + chunk] for start in range(0, rows, chunk)), k)
    whole = queries @ vectors.T
    assert found.places.shape == (3, min(k, rows))
    expected = -np.sort(-whole, axis=1)[:, :k]
    np.testing.assert_allclose(found.similarities, expected, rtol=1e-5)
