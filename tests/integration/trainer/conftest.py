"""The trainer's worker around real parts: a Redis-protocol server, a store in a folder, a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from fastapi.testclient import TestClient

from services.trainer.api import create_api
from services.trainer.bundles.waiting import WaitingTrainings
from services.trainer.operations.handlers import handlers
from services.trainer.settings import TrainerSettings
from shared.assembly import Platform
from shared.contracts.base import JobRequest
from shared.contracts.jobs import JobRecord
from shared.jobs.running import Handlers, JobRunner
from shared.queue import make_queue
from shared.store.local import LocalStore
from shared.testing import Bench
from tests.unit.services.trainer import tiny


class Trainer(Bench):
    """A worker of the trainer: `runner` is made anew from the settings as they are when it is asked for."""

    def __init__(self, store: LocalStore, redis_url: str, settings: TrainerSettings, folder: Path) -> None:
        super().__init__(folder, redis_url, store=store)
        self.settings = settings

    @property
    def waiting(self) -> WaitingTrainings:
        return WaitingTrainings(self.records, self.live, self.sender, lease_seconds=30)

    def new_worker(self, replaced: Handlers | None = None) -> JobRunner:
        return self.worker({**handlers(self.settings, self.waiting), **(replaced or {})})

    def run(self, request: JobRequest) -> JobRecord:
        """The job of this request, after one attempt."""
        job = self.submit(request)
        self.new_worker().run(job.id)
        return self.records.get(job.id)


@pytest.fixture
def trainer(local_store: LocalStore, redis_url: str, tmp_path: Path) -> Trainer:
    models = {
        "tiny-llama": str(tiny.saved(tiny.llama(), tmp_path / "tiny-llama")),
        "tiny-gpt2": str(tiny.saved(tiny.gpt2(), tmp_path / "tiny-gpt2")),
    }
    return Trainer(local_store, redis_url, TrainerSettings(models=models, device="cpu", threads=1), tmp_path)


@pytest.fixture
def client(trainer: Trainer, redis_url: str) -> TestClient:
    """The trainer's API on the same store, queue and records."""
    platform = Platform(
        trainer.settings,
        trainer.store,
        redis.Redis.from_url(redis_url),
        make_queue(redis_url),
        trainer.records,
        trainer.live,
        trainer.sender,
        trainer.submission,
    )
    return TestClient(create_api(trainer.settings, platform))
