"""Experiments through real processes: what a person would see, and what survives a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from httpx_sse import connect_sse

from services.gateway.experiments.expansion import expand
from tests.integration.gateway.conftest import ROOT, Processes
from tests.unit.services.gateway.small_operations import CATALOGUE, ladder, recipe

SMALL = ladder(topics=(1, 5), seeds=(1,))
ANSWER = expand(recipe(SMALL), CATALOGUE).report.artifact


def ended(http: httpx.Client, job: str) -> dict[str, Any]:
    for _ in range(4):
        found: dict[str, Any] = http.get(f"/v1/jobs/{job}/wait?timeout=30").json()
        if found["state"] not in ("queued", "running", "cancelling"):
            return found
    raise AssertionError(f"the experiment is still {found['state']}: {found}")


def test_an_experiment_runs_through_real_processes(processes: Processes, http: httpx.Client) -> None:
    processes.start("gateway", "coordinator", "worker", "reconciler")
    processes.wait_until_ready()
    job = http.post("/v1/experiments", json=SMALL).json()
    found = ended(http, job["id"])
    assert (found["state"], found["artifact"]) == ("succeeded", ANSWER)
    assert processes.returncode("reconciler", 10) == 0


def test_events_are_told_from_a_snapshot_to_the_end_and_replayed(
    processes: Processes, http: httpx.Client
) -> None:
    processes.start("gateway", "coordinator", "worker")
    processes.wait_until_ready()
    job = http.post("/v1/experiments", json=SMALL).json()["id"]
    with connect_sse(http, "GET", f"/v1/jobs/{job}/events") as source:
        events = list(source.iter_sse())
    assert [events[0].event, events[-1].event] == ["snapshot", "state"]
    assert json.loads(events[-1].data)["state"] == "succeeded"
    assert any(event.event == "progress" for event in events)
    progress = [json.loads(event.data) for event in events if event.event == "progress"]
    assert progress[-1]["done"] == progress[-1]["total"] == 12
    ids = [event.id for event in events if event.id]
    assert ids == sorted(ids, key=lambda name: [int(number) for number in name.split("-")])

    stream = [event for event in events[1:] if event.id]
    with connect_sse(
        http, "GET", f"/v1/jobs/{job}/events", headers={"Last-Event-ID": stream[2].id}
    ) as source:
        replayed = list(source.iter_sse())
    assert [event.id for event in replayed] == [event.id for event in stream[3:]]
    known = http.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": stream[-1].id})
    assert known.status_code == 204
    with connect_sse(http, "GET", f"/v1/jobs/{job}/events", headers={"Last-Event-ID": "1-1"}) as source:
        assert [event.event for event in source.iter_sse()] == ["snapshot"]  # no longer kept: told whole


def test_listeners_hear_the_end_though_redis_forgets_the_stream(
    processes: Processes, http: httpx.Client, redis_url: str
) -> None:
    processes.start("gateway")
    processes.wait_until_ready()
    job = http.post("/v1/experiments", json=SMALL).json()["id"]
    with connect_sse(http, "GET", f"/v1/jobs/{job}/events") as source:
        heard = source.iter_sse()
        assert next(heard).event == "snapshot"
        redis.Redis.from_url(redis_url).flushall()
        processes.start("coordinator", "worker", "reconciler")
        *_, last = heard
    assert json.loads(last.data)["state"] == "succeeded"


@pytest.mark.parametrize("victim", ["coordinator", "worker", "gateway"])
def test_a_killed_process_costs_time_only(processes: Processes, http: httpx.Client, victim: str) -> None:
    processes.start("gateway", "coordinator", "worker", "reconciler")
    processes.wait_until_ready()
    job = http.post("/v1/experiments", json=SMALL).json()["id"]
    with connect_sse(http, "GET", f"/v1/jobs/{job}/events") as source:
        for event in source.iter_sse():
            if event.event == "progress" and json.loads(event.data)["done"] >= 3:
                break
    processes.kill(victim)
    processes.start(victim)
    processes.wait_until_ready()
    found = ended(http, job)
    assert (found["state"], found["artifact"]) == ("succeeded", ANSWER)


def test_redis_losing_everything_costs_time_only(
    processes: Processes, http: httpx.Client, redis_url: str
) -> None:
    processes.start("gateway", "coordinator", "worker", "reconciler")
    processes.wait_until_ready()
    job = http.post("/v1/experiments", json=SMALL).json()["id"]
    with connect_sse(http, "GET", f"/v1/jobs/{job}/events") as source:
        for event in source.iter_sse():
            if event.event == "progress" and json.loads(event.data)["done"] >= 3:
                break
    redis.Redis.from_url(redis_url).flushall()
    found = ended(http, job)
    assert (found["state"], found["artifact"]) == ("succeeded", ANSWER)


LIGHT = """
import sys, time
from fastapi.testclient import TestClient
from services.gateway.api import create_app
with TestClient(create_app()) as client:
    answer = client.get("/health")
assert answer.status_code == 200, answer
heavy = {"torch", "numpy", "pandas", "sklearn", "scipy", "transformers", "matplotlib", "pyarrow"}
print(sorted(heavy & set(sys.modules)))
"""


def test_the_gateway_is_light(tmp_path: Path, redis_url: str) -> None:
    """Its image holds neither torch nor numpy. How long it takes to start: benchmarks/gateway."""
    environment = {
        "GAMUT_REDIS_URL": redis_url,
        "GAMUT_DATA_DIR": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "PATH": "",
    }
    answer = subprocess.run(
        [sys.executable, "-c", LIGHT], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.strip() == "[]"
