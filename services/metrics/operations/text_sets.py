"""Dataset artifacts as texts to measure, and their embeddings, made once per dataset and model."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import pyarrow as pa

from services.metrics.measuring.subject import Embedded, TextSet, sampled_rows
from services.metrics.operations.asked import asked_for
from services.metrics.semantic.embedding import Embedder, find_embedder
from shared.artifacts import Artifact, ArtifactWriter, find_manifest, manifest_of
from shared.contracts.datasets import DatasetKind
from shared.contracts.measurement import EmbeddingRequest, EmbeddingSummary, MeasureOptions
from shared.datasets import REJECTS, Row, dataset_kind, row_text, value_at
from shared.identity import artifact_id
from shared.jobs.workspace import Workspace

CHUNK = 8192
EMBED_CHUNK = 256
ROWS_PART = "rows.npy"
VECTORS_PART = "embeddings.npy"
Embedders = Callable[[str, str], Embedder]
"""The embedder of a name and a precision."""


def embedders(models: Mapping[str, str]) -> Embedders:
    """Finds embedders among the settings' models; the last one stays loaded for the next job."""
    loaded: dict[tuple[str, str], Embedder] = {}

    def find(name: str, precision: str) -> Embedder:
        if (name, precision) not in loaded:
            embedder = find_embedder(name, models, precision=precision)
            loaded.clear()
            loaded[name, precision] = embedder
        return loaded[name, precision]

    return find


def text_set(
    workspace: Workspace, dataset: str, group_by: str | None = None, turns: str = "assistant"
) -> TextSet:
    """The texts of a dataset that are measured: contexts of `qa` are left out, their names kept; of chats the
    `turns` that are asked for. What rows came from is named by the field `group_by`, or else by what rows of
    their kind know."""
    artifact = workspace.input(dataset)
    kind = dataset_kind(artifact.manifest)
    contexts: list[str] = []
    keys: list[str | None] = []
    key = partial(_named, group_by) if group_by else KEYS[kind]
    chunks = list(_text_chunks(artifact, kind, contexts, lambda row: keys.append(key(row)), workspace, turns))
    return TextSet(
        texts=pa.chunked_array(chunks, pa.large_string()),
        contexts=contexts if kind is DatasetKind.QA else None,
        keys=keys if any(key is not None for key in keys) else None,
        rejects=_rejects(artifact),
        asked=asked_for(workspace, artifact),
    )


def _named(field: str, row: Row) -> str | None:
    found = value_at(row, field)
    return None if found is None else str(found)


def _opening(row: Row) -> str | None:
    return next((str(message["content"]) for message in row["messages"] if message["role"] == "user"), None)


KEYS: Mapping[DatasetKind, Callable[[Row], str | None]] = {
    DatasetKind.QA: partial(_named, "context_id"),
    DatasetKind.COMPLETION: partial(_named, "context"),
    DatasetKind.TEXT: partial(_named, "origin.prompt_hash"),
    DatasetKind.CHAT: _opening,
}
"""What rows of each kind know of what they came from: the context that they ask about or complete, the
prompt, what the user says first."""


def _text_chunks(
    artifact: Artifact,
    kind: DatasetKind,
    contexts: list[str],
    see: Callable[[Row], None],
    workspace: Workspace,
    turns: str,
) -> Iterator[pa.Array]:
    batch: list[str] = []
    for row in artifact.rows():
        batch.append(row_text(kind, row, turns))
        see(row)
        if kind is DatasetKind.QA:
            contexts.append(str(row["context_id"]))
        if len(batch) == CHUNK:
            workspace.check()
            yield pa.array(batch, pa.large_string())
            batch = []
    yield pa.array(batch, pa.large_string())


def _rejects(artifact: Artifact) -> Mapping[str, int]:
    if not artifact.has(REJECTS):
        return {}
    return Counter(str(row.get("reason", "not stated")) for row in artifact.rows(REJECTS))


def embedding_request(dataset: str, options: MeasureOptions) -> EmbeddingRequest:
    """The embedding that a measurement with these options reads."""
    return EmbeddingRequest(
        dataset=dataset,
        embedding=options.embedding,
        precision=options.precision,
        rows=options.semantic_rows,
        seed=options.seed,
        turns=options.turns,
    )


def embedded(request: EmbeddingRequest, texts: TextSet, workspace: Workspace, find: Embedders) -> Embedded:
    """The embeddings of a dataset, from their artifact; made and kept as one by whoever needs them first.

    The artifact has the id that an `embed` job would give it, so it does not matter who was first.
    """
    if (kept := kept_embedding(request, workspace)) is not None:
        return kept
    writer = ArtifactWriter(workspace.store, artifact_id(request), workspace.token, workspace.folder)
    summary = embed_into(writer, request, texts, workspace, find)
    writer.commit(manifest_of(request, summary, job=workspace.job, packages=("numpy",)))
    made = kept_embedding(request, workspace)
    assert made is not None
    return made


def kept_embedding(request: EmbeddingRequest, workspace: Workspace) -> Embedded | None:
    """The embeddings of a dataset where they have been made."""
    manifest = find_manifest(workspace.store, artifact_id(request))
    if manifest is None:
        return None
    artifact = Artifact(workspace.store, manifest)
    return Embedded(
        rows=_array(artifact, ROWS_PART),
        vectors=_array(artifact, VECTORS_PART),
        description=artifact.summary_as(EmbeddingSummary).description,
    )


def embed_into(
    writer: ArtifactWriter, request: EmbeddingRequest, texts: TextSet, workspace: Workspace, find: Embedders
) -> EmbeddingSummary:
    """Embed a seeded sample of the dataset's rows into an artifact's parts."""
    embedder = find(request.embedding, request.precision)
    rows = sampled_rows(len(texts), request.rows, request.seed)
    found = []
    for start in range(0, len(rows), EMBED_CHUNK):
        note = f"embedding with {request.embedding}"
        workspace.progress(start, len(rows), "texts", note=note)
        found.append(embedder.embed([texts.text(int(row)) for row in rows[start : start + EMBED_CHUNK]]))
    vectors = np.concatenate(found) if found else embedder.embed([])
    for name, array in ((ROWS_PART, rows), (VECTORS_PART, vectors)):
        data = io.BytesIO()
        np.save(data, array, allow_pickle=False)
        writer.put(name, data.getvalue(), "application/x-npy")
    return EmbeddingSummary.model_validate({"rows": len(rows), **embedder.description})


def _array(artifact: Artifact, name: str) -> np.ndarray:
    loaded: np.ndarray = np.load(io.BytesIO(artifact.read(name)), allow_pickle=False)
    return loaded
