"""The worker's own handlers behind the real job runner: upload → dataset → mixture → measurement → report."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import redis

from services.metrics.settings import MetricsSettings
from shared.artifacts import Artifact, project_store
from shared.contracts.base import JobRequest
from shared.contracts.datasets import DatasetKind, IngestRequest, UploadedFile
from shared.contracts.jobs import JobState
from shared.contracts.measurement import MeasurementRequest
from shared.contracts.mixture import MixtureRequest, SplitRequest
from shared.contracts.report import ReportRequest, ReportRun
from shared.jobs.live import LiveJobs
from shared.jobs.records import JobRecords
from shared.jobs.running import JobRunner
from shared.jobs.sending import Sender
from shared.jobs.submission import Submission
from shared.store.local import LocalStore


class Service:
    """The metrics worker without the broker's wire."""

    def __init__(self, store: LocalStore, redis_url: str) -> None:
        from services.metrics.operations.handlers import handlers

        self.store = store
        self.corner = project_store(store, "p")
        records, live = JobRecords(store), LiveJobs(redis.Redis.from_url(redis_url), lease_seconds=30)
        sender = Sender(lambda queue, job: None, live)
        self.submission = Submission(store, records, live, sender)
        self.runner = JobRunner(
            store, records, live, sender, handlers(MetricsSettings()), lease_seconds=30, max_attempts=2
        )
        self.records = records

    def run(self, request: JobRequest) -> Artifact:
        job = self.submission.submit("p", request)
        self.runner.run(job.id)
        ended = self.records.get(job.id)
        assert ended.state is JobState.SUCCEEDED, ended.error
        assert ended.artifact is not None
        return Artifact.open(self.corner, ended.artifact)

    def upload(self, rows: list[dict[str, Any]]) -> UploadedFile:
        content = "".join(json.dumps(row) + "\n" for row in rows).encode()
        sha = hashlib.sha256(content).hexdigest()
        self.corner.put(f"uploads/{sha}", content)
        return UploadedFile(sha256=sha, bytes=len(content), format="jsonl")


@pytest.fixture
def service(
    local_store: LocalStore, redis_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Service:
    monkeypatch.chdir(tmp_path)
    return Service(local_store, redis_url)


def story(number: int, words: str) -> dict[str, Any]:
    who, what, where = (
        words.split()[number % 3],
        ["sang", "ran", "hid"][number // 3 % 3],
        ["home", "far"][number % 2],
    )
    return {"context": f"Once a {who} {what}.", "completion": f"It went {where} {number} times."}


def test_from_uploads_to_a_report(service: Service) -> None:
    real = service.run(
        IngestRequest(
            kind=DatasetKind.COMPLETION, file=service.upload([story(n, "cat dog fox") for n in range(60)])
        )
    )
    made = service.run(
        IngestRequest(
            kind=DatasetKind.COMPLETION, file=service.upload([story(n, "elf elf imp") for n in range(60)])
        )
    )
    train = service.run(SplitRequest(dataset=real.id, shares={"train": 0.5, "test": 0.5}))
    runs = []
    for rho in (0.1, 0.5):
        mixture = service.run(MixtureRequest(real=train.id, generated=made.id, rho=rho))
        assert mixture.summary["rows"] == 30
        measurement = service.run(MeasurementRequest(dataset=mixture.id, reference=real.id))
        runs.append(
            ReportRun(name=f"ρ = {rho}", axes={"rho": rho}, dataset=mixture.id, measurement=measurement.id)
        )
    shifts = [
        service.run(MeasurementRequest(dataset=r.dataset, reference=real.id)).summary["js_unigram"]
        for r in runs
    ]  # type: ignore[arg-type]
    assert shifts[0] < shifts[1]
    report = service.run(ReportRequest(title="Mixing", runs=runs))
    assert "ρ = 0.5" in report.read("report.html").decode()
    inputs = report.manifest.inputs
    assert inputs["runs/0/measurement"] == runs[0].measurement


def test_the_same_work_gives_the_same_bytes(local_store: LocalStore, redis_url: str, tmp_path: Path) -> None:
    """A job that is killed and run again by another worker leaves the same parts."""
    digests = []
    for place in ("first", "second"):
        service = Service(LocalStore(tmp_path / place, "http://gateway.test", "secret"), redis_url)
        redis.Redis.from_url(redis_url).flushall()
        rows = [story(n, "cat dog fox") for n in range(40)]
        dataset = service.run(IngestRequest(kind=DatasetKind.COMPLETION, file=service.upload(rows)))
        made = service.run(MeasurementRequest(dataset=dataset.id, reference=dataset.id))
        digests.append({part.name: part.sha256 for part in made.manifest.parts})
    assert digests[0] == digests[1]
