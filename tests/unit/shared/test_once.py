"""A pod of a Kubernetes Job: one process, one job, real queue."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from shared.assembly import Platform, connect
from shared.contracts.jobs import JobState
from shared.settings import CommonSettings
from tests.unit.shared.counting_worker import CountTo

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def environment(redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {"GAMUT_REDIS_URL": redis_url, "GAMUT_DATA_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}


@pytest.fixture
def platform(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Platform:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return connect(CommonSettings())


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "shared.once", "tests.unit.shared.counting_worker", "measure"],
        cwd=ROOT,
        env=os.environ | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def waiting(platform: Platform) -> int:
    return int(platform.redis.llen("measure"))


def test_it_takes_one_job_and_ends(platform: Platform, environment: dict[str, str]) -> None:
    jobs = [platform.submission.submit("p", CountTo(upto=upto)) for upto in (1, 2)]
    assert waiting(platform) == 2
    assert start(environment).wait(60) == 0
    states = [platform.records.get(job.id).state for job in jobs]
    assert sorted(states) == [JobState.QUEUED, JobState.SUCCEEDED]
    assert waiting(platform) == 1


def test_an_empty_queue_is_no_error(platform: Platform, environment: dict[str, str]) -> None:
    process = start(environment)
    _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "once.nothing_to_do" in log


def test_its_message_is_off_the_list_while_it_runs(platform: Platform, environment: dict[str, str]) -> None:
    """KEDA's `accurate` strategy counts on it: the list's length is the number of jobs that wait."""
    job = platform.submission.submit("p", CountTo(upto=1000, seconds_each=0.1))
    process = start(environment)
    _until_running(platform, job.id)
    assert waiting(platform) == 0
    process.send_signal(signal.SIGTERM)
    process.wait(60)


def test_sigterm_puts_the_job_back(platform: Platform, environment: dict[str, str]) -> None:
    job = platform.submission.submit("p", CountTo(upto=1000, seconds_each=0.1))
    process = start(environment)
    _until_running(platform, job.id)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    assert platform.records.get(job.id).state is JobState.QUEUED
    assert waiting(platform) == 1
    assert not platform.live.leased(job.id)


def _until_running(platform: Platform, job_id: str) -> None:
    """Follows the job's own events, as a listener of the gateway does."""
    listener = redis.Redis.from_url(platform.settings.redis_url.get_secret_value())
    key, last = f"gamut:events:{job_id}", "0"
    while True:
        answer = listener.xread({key: last}, block=60_000)
        assert answer, "the job never started"
        for entry, fields in answer[0][1]:
            last = entry
            if fields[b"event"] == b"progress":
                return
