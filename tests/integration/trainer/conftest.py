"""The trainer's worker around real parts: a Redis-protocol server, a store in a folder, a tiny model."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis

from services.trainer.bundles.companions import Companions
from services.trainer.settings import TrainerSettings
from services.trainer.worker import handlers
from shared.artifacts import Artifact, ArtifactWriter, project_store
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind, JobRequest
from shared.contracts.jobs import JobRecord
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.running import Handlers, JobRunner
from shared.jobs.sending import Sender
from shared.jobs.submission import Submission
from shared.store.local import LocalStore
from tests.unit.services.trainer import tiny


class Trainer:
    """A worker of the trainer with a list in place of the broker's wire."""

    def __init__(self, store: LocalStore, redis_url: str, settings: TrainerSettings, folder: Path) -> None:
        self.project = "p"
        self.store, self.settings, self.folder = store, settings, folder
        self.records = JobRecords(store)
        self.live = LiveJobs(redis.Redis.from_url(redis_url), lease_seconds=30)
        self.sender = Sender(lambda queue, job: None, self.live)
        self.submission = Submission(store, self.records, self.live, self.sender)

    @property
    def companions(self) -> Companions:
        return Companions(self.records, self.live, self.sender, lease_seconds=30)

    def runner(self, replaced: Handlers | None = None) -> JobRunner:
        made = {**handlers(self.settings, self.companions), **(replaced or {})}
        return JobRunner(
            self.store, self.records, self.live, self.sender, made, lease_seconds=30, max_attempts=3
        )

    def run(self, request: JobRequest) -> JobRecord:
        """The job of this request, run to its end."""
        job = self.submission.submit(self.project, request)
        self.runner().run(job.id)
        return self.records.get(job.id)

    def artifact(self, record: JobRecord) -> Artifact:
        assert record.artifact is not None, record.error
        return Artifact.open(project_store(self.store, self.project), record.artifact)

    def dataset(
        self, kind: str, rows: list[dict[str, Any]], contexts: dict[str, str] | None = None, number: int = 1
    ) -> str:
        """A dataset artifact of these rows."""
        name = f"dataset-{number:032x}"
        writer = ArtifactWriter(project_store(self.store, self.project), name, 1, self.folder)
        writer.put_rows("rows.jsonl", rows)
        if contexts is not None:
            writer.put_rows("contexts.jsonl", [{"id": key, "text": text} for key, text in contexts.items()])
        writer.commit(
            Manifest(
                id=name,
                kind=ArtifactKind.DATASET,
                operation="ingest",
                version=1,
                request={},
                inputs={},
                parts=[],
                summary={"kind": kind, "rows": len(rows)},
                software={},
                job="none",
                created_at=datetime.now(UTC),
            )
        )
        return name


@pytest.fixture
def trainer(local_store: LocalStore, redis_url: str, tmp_path: Path) -> Trainer:
    models = {
        "tiny-llama": str(tiny.saved(tiny.llama(), tmp_path / "tiny-llama")),
        "tiny-gpt2": str(tiny.saved(tiny.gpt2(), tmp_path / "tiny-gpt2")),
    }
    return Trainer(local_store, redis_url, TrainerSettings(models=models, device="cpu", threads=1), tmp_path)
