"""A real instruct model of 135M parameters: the folder that GAMUT_REAL_MODEL names, and a server of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services.generator.operations.handlers import handlers as generator_handlers
from services.generator.settings import GeneratorSettings
from services.trainer.bundles.waiting import WaitingTrainings
from services.trainer.operations.handlers import handlers as trainer_handlers
from services.trainer.settings import TrainerSettings
from shared.artifacts import Artifact
from shared.contracts.base import JobRequest
from shared.store.local import LocalStore
from shared.testing import Bench
from tests.ports import free_port
from tests.waiting import until

NAME = "smollm2"


@pytest.fixture(scope="session")
def real_model() -> Path:
    """The model's folder, as `python -m standin.smollm2 --out FOLDER` makes it."""
    named = os.environ.get("GAMUT_REAL_MODEL")
    if not named:
        pytest.skip("GAMUT_REAL_MODEL names no folder: python -m standin.smollm2 --out FOLDER makes one")
    return Path(named)


@pytest.fixture(scope="session")
def served(real_model: Path) -> Iterator[str]:
    """The address of a server of the model."""
    port = free_port()
    command = [sys.executable, "-m", "standin.server", "--model", str(real_model)]
    process = subprocess.Popen([*command, "--served-model-name", NAME, "--port", str(port)])
    try:
        until(lambda: _answers(f"http://127.0.0.1:{port}/health"), "the model's server")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


class Suite(Bench):
    """The workers of the generator and of the trainer, with the model as source and as base."""

    def __init__(self, store: LocalStore, redis_url: str, folder: Path, model: Path, address: str) -> None:
        super().__init__(folder, redis_url, store=store, lease_seconds=600)
        source = {"base_url": address, "model": NAME, "revision": "1", "api": "chat", "concurrency": 32}
        waiting = WaitingTrainings(self.records, self.live, self.sender, lease_seconds=600)
        sources = GeneratorSettings(sources={NAME: {**source, "adapters_dir": str(folder / "adapters")}})
        models = TrainerSettings(models={NAME: str(model)}, device="cpu", threads=1)
        self.runner = self.worker(generator_handlers(sources) | trainer_handlers(models, waiting))


@pytest.fixture
def suite(local_store: LocalStore, redis_url: str, tmp_path: Path, real_model: Path, served: str) -> Suite:
    return Suite(local_store, redis_url, tmp_path, real_model, served)


def loss_of(suite: Suite, request: JobRequest) -> float:
    made: Artifact = suite.make(request)
    return float(made.summary["loss"])
