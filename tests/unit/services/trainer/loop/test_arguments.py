"""What the Trainer is told about where it runs."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.trainer.data.rendering import render
from services.trainer.loop import training
from services.trainer.models import loading
from shared.contracts.training.settings import LoraSettings, RenderingSettings, TrainingSettings
from tests.unit.services.trainer import tiny


@pytest.fixture
def told() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of Kubeflow's status server, and what it was told."""
    heard: list[dict[str, Any]] = []

    class Status(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Authorization"] == "Bearer of-the-pod"
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Status)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", heard
    server.shutdown()


def test_a_train_job_shows_how_far_it_is(
    told: tuple[str, list[dict[str, Any]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a pod where Kubeflow's controller listens, the TrainJob's status has the steps."""
    address, heard = told
    (tmp_path / "token").write_text("of-the-pod")
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_URL", address)
    monkeypatch.setenv("KUBEFLOW_TRAINER_SERVER_TOKEN", str(tmp_path / "token"))
    base = tiny.saved(tiny.llama(), tmp_path)
    examples = render(tiny.stories(8), tiny.tokenizer(), RenderingSettings(), context_length=512).examples
    model = loading.add_lora(loading.load_base(base), LoraSettings(), seed=7)
    training.train(model, examples, TrainingSettings(rows_per_step=4, epochs=1))
    statuses = [report["trainerStatus"] for report in heard]
    assert [status["progressPercentage"] for status in (statuses[0], statuses[-1])] == [0, 100]
    assert statuses[0]["metrics"] == [{"name": "total_steps", "value": "2"}]
