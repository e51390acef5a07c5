"""Servers and clients as processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

REPOSITORY = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}


@contextmanager
def endpoint(latency: float = 0.0) -> Iterator[str]:
    """The least server; yields its base URL."""
    command = [sys.executable, "-m", "benchmarks.generator.endpoint", "0", str(latency)]
    process = subprocess.Popen(command, cwd=REPOSITORY, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().split()[1]
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()


def client(
    name: str, arguments: Sequence[object], *, before: Sequence[str] = (), python: str = sys.executable
) -> str:
    """Run a client program to its end; what it wrote on both streams."""
    module = f"benchmarks.generator.clients.{name}"
    command = [*before, python, "-m", module, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return done.stdout + done.stderr


def seconds(output: str) -> float:
    return float(next(line for line in output.splitlines() if line.startswith("seconds")).split()[1])


def answered(url: str) -> int:
    """How many requests the endpoint has answered."""
    with urlopen(url.removesuffix("/v1") + "/counts") as counts:
        return int(json.load(counts)["answered"])
