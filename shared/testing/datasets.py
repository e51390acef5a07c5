"""Datasets and uploads, as ingestion leaves them."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from shared.artifacts import ArtifactWriter
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind
from shared.contracts.datasets import DatasetKind, FileFormat, UploadedFile
from shared.datasets import CONTEXTS, ROWS, Row
from shared.identity import digest
from shared.store.base import ObjectStore


def put_dataset(
    store: ObjectStore,
    rows: Iterable[Row],
    kind: DatasetKind = DatasetKind.TEXT,
    contexts: Mapping[str, str] | None = None,
) -> str:
    """A dataset artifact of these rows in a project's `store`; returns its id, which follows from the rows.

    A row without an `id` gets its number. `contexts` are those of `qa` rows, by id.
    """
    numbered = [{"id": str(number)} | row for number, row in enumerate(rows)]
    beside = [{"id": key, "text": text} for key, text in (contexts or {}).items()]
    artifact_id = f"dataset-{digest([str(kind), numbered, beside])}"
    summary: dict[str, str | int] = {"kind": str(kind), "rows": len(numbered)}
    with tempfile.TemporaryDirectory() as folder:
        writer = ArtifactWriter(store, artifact_id, 1, Path(folder))
        writer.put_rows(ROWS, numbered)
        if contexts is not None:
            summary["contexts"] = writer.put_rows(CONTEXTS, beside)
        writer.commit(
            Manifest(
                id=artifact_id,
                kind=ArtifactKind.DATASET,
                operation="ingest",
                version=1,
                request={},
                inputs={},
                parts=[],
                summary=summary,
                software={},
                job="none",
                created_at=datetime.now(UTC),
            )
        )
    return artifact_id


def put_upload(store: ObjectStore, content: bytes, file_format: FileFormat = "jsonl") -> UploadedFile:
    """The content of a file in a project's `store`, as a client's upload leaves it."""
    sha = hashlib.sha256(content).hexdigest()
    store.put(f"uploads/{sha}", content)
    return UploadedFile(sha256=sha, bytes=max(1, len(content)), format=file_format)
