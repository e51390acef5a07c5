"""A workspace on a real store and a real Redis-protocol server, with no worker around it."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from shared.artifacts import Artifact, manifest_of, project_store
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind, DatasetSummary, IngestRequest, UploadedFile
from shared.contracts.jobs import JobRecord, JobState
from shared.datasets import CONTEXTS, ROWS
from shared.identity import artifact_id, job_id
from shared.jobs.live import LiveJobs
from shared.jobs.workspace import Signals, Workspace
from shared.store.local import LocalStore


class Bench:
    """Runs handlers one at a time, as the worker would, and keeps what they make."""

    def __init__(self, store: LocalStore, live: LiveJobs, folder: Path) -> None:
        self.store = project_store(store, "p")
        self._root = store
        self._live = live
        self._folder = folder

    def run(self, handler: Callable[[Any, Workspace], Any], request: JobRequest) -> Artifact:
        """The artifact the handler makes of the request."""
        workspace = self.workspace(request)
        summary = handler(request, workspace)
        manifest = workspace.output.commit(manifest_of(request, summary, job=workspace.job))
        return Artifact(self.store, manifest)

    def workspace(self, request: JobRequest) -> Workspace:
        now = datetime.now(UTC)
        record = JobRecord(
            id=job_id("p", request),
            project="p",
            operation=request.operation,
            version=request.version,
            queue=request.queue,
            request=request.canonical(),
            state=JobState.RUNNING,
            sequence=1,
            attempts=1,
            created_at=now,
            updated_at=now,
        )
        signals = Signals(threading.Event())
        return Workspace(record, artifact_id(request), self.store, self._folder, self._live, signals)

    def upload(self, content: bytes, file_format: Any = "jsonl") -> UploadedFile:
        sha = hashlib.sha256(content).hexdigest()
        self.store.put(f"uploads/{sha}", content)
        return UploadedFile(sha256=sha, bytes=max(1, len(content)), format=file_format)

    def dataset(
        self,
        rows: Iterable[dict[str, Any]],
        kind: DatasetKind = DatasetKind.TEXT,
        contexts: Iterable[dict[str, Any]] | None = None,
    ) -> str:
        """A dataset artifact of these rows, made as an upload is; returns its id."""
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        beside = None if contexts is None else "".join(json.dumps(c) + "\n" for c in contexts).encode()
        file = self.upload(content)
        request = IngestRequest(kind=kind, file=file, contexts=self.upload(beside) if beside else None)

        def write(request: IngestRequest, workspace: Workspace) -> DatasetSummary:
            count = workspace.output.put_rows(
                ROWS,
                [{"id": str(number)} | json.loads(line) for number, line in enumerate(content.splitlines())],
            )
            if beside is not None:
                workspace.output.put(CONTEXTS, beside, "application/jsonl")
            return DatasetSummary(kind=kind, rows=count)

        return self.run(write, request).id


@pytest.fixture
def bench(local_store: LocalStore, redis_url: str, tmp_path: Path) -> Bench:
    folder = tmp_path / "work"
    folder.mkdir()
    return Bench(local_store, LiveJobs(redis.Redis.from_url(redis_url), lease_seconds=30), folder)
