"""Runs handlers by themselves: no worker, no attempts, and what they raise reaches the caller."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from shared.artifacts import Artifact, manifest_of
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind, FileFormat, UploadedFile
from shared.datasets import Row
from shared.identity import artifact_id
from shared.jobs.workspace import Signals, Workspace
from shared.testing.bench import Bench
from shared.testing.datasets import put_dataset, put_upload


class HandlerBench:
    """A store in `folder`, the Redis at `redis_url`; `store` is the project's corner of it."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self._bench = Bench(folder, redis_url)
        self.store = self._bench.corner
        self._folder = folder / "work"
        self._folder.mkdir(exist_ok=True)

    def run(self, handler: Callable[[Any, Workspace], Any], request: JobRequest) -> Artifact:
        """The artifact that the handler makes of the request."""
        workspace = self.workspace(request)
        summary = handler(request, workspace)
        manifest = manifest_of(request, summary, job=workspace.job)
        return Artifact(self.store, workspace.output.commit(manifest))

    def workspace(self, request: JobRequest) -> Workspace:
        """A workspace of the request's job, for a handler to be called with."""
        record = self._bench.submit(request)
        signals = Signals(threading.Event())
        return Workspace(record, artifact_id(request), self.store, self._folder, self._bench.live, signals)

    def upload(self, content: bytes, file_format: FileFormat = "jsonl") -> UploadedFile:
        return put_upload(self.store, content, file_format)

    def dataset(
        self,
        rows: Iterable[Row],
        kind: DatasetKind = DatasetKind.TEXT,
        contexts: Mapping[str, str] | None = None,
    ) -> str:
        return put_dataset(self.store, rows, kind, contexts)
