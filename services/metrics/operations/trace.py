"""The `trace` operation: from an evaluation's worst rows to the nearest training rows, and their origin."""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from services.metrics.errors import translated
from services.metrics.operations.stored_rows import StoredRows
from services.metrics.operations.text_sets import Embedders
from services.metrics.semantic.embedding import Embedder
from services.metrics.semantic.nearest import nearest
from services.metrics.semantic.vectors import Vectors
from shared.artifacts import Artifact
from shared.contracts.base import ArtifactKind
from shared.contracts.problems import FieldError
from shared.contracts.trace import TraceRequest, TraceSummary
from shared.datasets import ROWS, Row, row_text
from shared.errors import InvalidRequest
from shared.evaluations import tested_rows
from shared.jobs.workspace import Workspace

CHUNK = 1024
PART = "worst_rows.jsonl"


class Tracing:
    """The handler; its embedders are those that measurements use."""

    def __init__(self, find: Embedders) -> None:
        self._find = find

    def trace(self, request: TraceRequest, workspace: Workspace) -> TraceSummary:
        """`worst_rows.jsonl`: {id, loss, tokens, text, nearest: [{dataset, id, text, origin, similarity}]}.

        Raises InvalidRequest for what is no evaluation, or of a model that was not trained here.
        """
        evaluation = workspace.input(request.evaluation)
        datasets = _training_data(evaluation, workspace)
        scored = [row for row in evaluation.rows() if row.get("tokens")]
        worst = heapq.nlargest(request.rows, scored, key=lambda row: row["nll"] / row["tokens"])
        test = StoredRows(workspace, tested_rows(evaluation.manifest)[ROWS])
        texts = [row_text(test.kind, row) for row in test.rows([row["id"] for row in worst])]
        stored = [(name, StoredRows(workspace, name)) for name in datasets]
        with translated():
            embedder = self._find(request.embedding, request.precision)
            found = nearest(embedder.embed(texts), _vectors(stored, embedder, workspace), request.neighbours)
        rows = _at(stored, {int(place) for place in found.places.flat})
        told = [
            {
                "id": row["id"],
                "loss": row["nll"] / row["tokens"],
                "tokens": row["tokens"],
                "text": text,
                "nearest": [
                    rows[int(place)] | {"similarity": round(float(similarity), 6)}
                    for place, similarity in zip(places, similarities, strict=True)
                ],
            }
            for row, text, places, similarities in zip(
                worst, texts, found.places, found.similarities, strict=True
            )
        ]
        workspace.output.put_rows(PART, told)
        sources = {near["origin"].get("source") for row in told for near in row["nearest"]}
        return TraceSummary.model_validate(
            {
                "rows": len(told),
                "training_rows": sum(len(rows) for _, rows in stored),
                "datasets": datasets,
                "sources": sorted(str(source) for source in sources if source is not None),
                **embedder.description,
            }
        )


def _training_data(evaluation: Artifact, workspace: Workspace) -> list[str]:
    """The datasets that the evaluated model learned from, the last first; those of its base model too."""
    if evaluation.manifest.kind is not ArtifactKind.EVALUATION or not evaluation.has(ROWS):
        raise _refusal(f"{evaluation.id} is no evaluation with the losses of its rows")
    found: list[str] = []
    model = evaluation.manifest.inputs.get("model")
    while model is not None:
        inputs = workspace.input(model).manifest.inputs
        found.append(inputs["dataset"])
        model = inputs.get("base_model")
    if not found:
        raise _refusal("the model of this evaluation was not trained here: there are no rows to trace it to")
    return list(dict.fromkeys(found))


def _refusal(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, [FieldError(pointer="/evaluation", detail=detail)])


def _vectors(
    stored: list[tuple[str, StoredRows]], embedder: Embedder, workspace: Workspace
) -> Iterator[Vectors]:
    total, done = sum(len(rows) for _, rows in stored), 0
    for _, rows in stored:
        batch: list[str] = []
        for text in rows.texts():
            batch.append(text)
            if len(batch) == CHUNK:
                workspace.progress(done, total, "rows", note="comparing with the training rows")
                done += len(batch)
                yield embedder.embed(batch)
                batch = []
        if batch:
            yield embedder.embed(batch)


def _at(stored: list[tuple[str, StoredRows]], places: set[int]) -> dict[int, Row]:
    """The training rows at these places of all the datasets in a row, as they are told."""
    found: dict[int, Row] = {}
    start = 0
    for name, rows in stored:
        for place, row in enumerate(rows, start):
            if place in places:
                told = {"dataset": name, "id": row["id"], "text": row_text(rows.kind, row)}
                found[place] = told | {"origin": row.get("origin") or {}}
        start += len(rows)
    return found
