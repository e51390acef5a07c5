"""Any process may die at any moment: the main job ends by itself, as it would have undisturbed.

Each disturbance falls at a moment drawn from a seed: the n-th event that the experiment tells of. The ids of
all artifacts, and the generated rows themselves, are those of a run that was left in peace.
"""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from embedded.client import GatewayClient, Json
from embedded.demo import DATA, RECIPE, TEST
from embedded.suite import Suite, start, status, stop
from tests.e2e.conftest import shrunk
from tests.ports import free_port

WORKERS = (
    "gateway-worker",
    "generator-worker",
    "metrics-worker",
    "trainer-worker",
    "reconciler",
    "gateway-api",
)


def pids(suite: Suite, names: tuple[str, ...]) -> list[int]:
    listed = status(suite.data_dir)
    return [
        int(found.group(1))
        for line in listed.splitlines()
        if line.startswith(names) and (found := re.search(r"pid (\d+)", line))
    ]


def posted(suite: Suite, seed: int) -> tuple[GatewayClient, Json]:
    gateway = GatewayClient(suite.url)
    inputs = {"real": gateway.upload(DATA, "completion", {}), "test": gateway.upload(TEST, "completion", {})}
    return gateway, gateway.post("/v1/experiments", shrunk(RECIPE, seed) | {"inputs": inputs})


def made(suite: Suite) -> dict[str, str]:
    """Every artifact of the suite, and the digest of its rows where it was generated."""
    manifests = sorted((suite.data_dir / "objects").glob("projects/*/artifacts/*/manifest.json"))
    found = {}
    for path in manifests:
        text = path.read_text()
        rows = re.search(r'"name": "rows.jsonl".*?"sha256": "(\w+)"', text, re.DOTALL)
        found[path.parent.name] = rows.group(1) if rows and '"operation": "generate"' in text else ""
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    suite = start(tmp_path_factory.mktemp("peace"), None, free_port(), lambda name: None)
    try:
        gateway, job = posted(suite, seed=7)
        assert gateway.wait(job["id"])["state"] == "succeeded"
        yield made(suite)
    finally:
        stop(suite.data_dir)


def kill_a_worker(suite: Suite, chance: random.Random) -> None:
    victim = chance.choice(pids(suite, WORKERS))
    os.kill(victim, signal.SIGKILL)


def flush_redis(suite: Suite, chance: random.Random) -> None:
    redis.Redis(port=suite.ports.redis).flushall()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    ("disturb", "seed"),
    [(kill_a_worker, 1), (flush_redis, 2)],
    ids=["three kills -9", "redis flushed"],
)
def test_the_main_job_ends_as_it_would_have(
    fresh_suite: Callable[[str], Suite],
    undisturbed: dict[str, str],
    tmp_path: Path,
    disturb: Callable[[Suite, random.Random], None],
    seed: int,
) -> None:
    suite = fresh_suite("disturbed")
    gateway, job = posted(suite, seed=7)
    chance = random.Random(seed)
    due = sorted(chance.sample(range(1, 9), 3))
    heard = 0
    while (now := gateway.get(f"/v1/jobs/{job['id']}"))["state"] not in ("succeeded", "failed", "cancelled"):
        for _event, _content in gateway.events(job["id"]):
            heard += 1
            if due and heard >= due[0]:
                due.pop(0)
                disturb(suite, chance)
    assert (now["state"], due) == ("succeeded", [])
    assert made(suite) == undisturbed
