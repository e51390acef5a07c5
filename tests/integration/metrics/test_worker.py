"""The worker's own handlers behind the real job runner: upload → dataset → mixture → measurement → report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import redis

from services.metrics.settings import MetricsSettings
from shared.contracts.datasets import DatasetKind, IngestRequest, UploadedFile
from shared.contracts.measurement import MeasurementRequest
from shared.contracts.mixture import MixtureRequest, SplitRequest
from shared.contracts.report import ReportRequest, ReportRun
from shared.testing import Bench


class Service(Bench):
    """The metrics worker without the broker's wire."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        from services.metrics.operations.handlers import handlers

        super().__init__(folder, redis_url, handlers(MetricsSettings()), max_attempts=2)

    def rows(self, rows: list[dict[str, Any]]) -> UploadedFile:
        return self.upload("".join(json.dumps(row) + "\n" for row in rows).encode())


@pytest.fixture
def service(redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Service:
    monkeypatch.chdir(tmp_path)
    return Service(tmp_path, redis_url)


def story(number: int, words: str) -> dict[str, Any]:
    who, what, where = (
        words.split()[number % 3],
        ["sang", "ran", "hid"][number // 3 % 3],
        ["home", "far"][number % 2],
    )
    return {"context": f"Once a {who} {what}.", "completion": f"It went {where} {number} times."}


def test_from_uploads_to_a_report(service: Service) -> None:
    real = service.make(
        IngestRequest(
            kind=DatasetKind.COMPLETION, file=service.rows([story(n, "cat dog fox") for n in range(60)])
        )
    )
    made = service.make(
        IngestRequest(
            kind=DatasetKind.COMPLETION, file=service.rows([story(n, "elf elf imp") for n in range(60)])
        )
    )
    train = service.make(SplitRequest(dataset=real.id, shares={"train": 0.5, "test": 0.5}))
    runs = []
    for rho in (0.1, 0.5):
        mixture = service.make(MixtureRequest(real=train.id, generated=made.id, rho=rho))
        assert mixture.summary["rows"] == 30
        measurement = service.make(MeasurementRequest(dataset=mixture.id, reference=real.id))
        runs.append(
            ReportRun(name=f"ρ = {rho}", axes={"rho": rho}, dataset=mixture.id, measurement=measurement.id)
        )
    shifts = [
        service.make(MeasurementRequest(dataset=r.dataset, reference=real.id)).summary["js_unigram"]
        for r in runs
    ]  # type: ignore[arg-type]
    assert shifts[0] < shifts[1]
    report = service.make(ReportRequest(title="Mixing", runs=runs))
    assert "ρ = 0.5" in report.read("report.html").decode()
    inputs = report.manifest.inputs
    assert inputs["runs/0/measurement"] == runs[0].measurement


def test_the_same_work_gives_the_same_bytes(redis_url: str, tmp_path: Path) -> None:
    """A job that is killed and run again by another worker leaves the same parts."""
    digests = []
    for place in ("first", "second"):
        service = Service(tmp_path / place, redis_url)
        redis.Redis.from_url(redis_url).flushall()
        rows = [story(n, "cat dog fox") for n in range(40)]
        dataset = service.make(IngestRequest(kind=DatasetKind.COMPLETION, file=service.rows(rows)))
        made = service.make(MeasurementRequest(dataset=dataset.id, reference=dataset.id))
        digests.append({part.name: part.sha256 for part in made.manifest.parts})
    assert digests[0] == digests[1]
