"""Starts the stand-in for the tests of the source contract, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.ports import free_port
from tests.waiting import PATIENCE

ROOT = Path(__file__).parents[3]
MODEL = ROOT / "standin" / "models" / "generator"
MODEL_NAME = "story"
CONTEXT = 512


@dataclass(frozen=True)
class Source:
    """A server that answers: its kind and its address."""

    kind: str
    url: str


@contextmanager
def running_standin(*options: str) -> Iterator[Source]:
    """The stand-in server, with `options` beside the usual ones."""
    command = [sys.executable, "-m", "standin.server", "--model", str(MODEL), *options]
    with _running("standin", command, {"OMP_NUM_THREADS": "1"}, patience=PATIENCE) as source:
        yield source


@contextmanager
def _running(
    kind: str, command: Sequence[str], environment: Mapping[str, str], patience: float
) -> Iterator[Source]:
    port = free_port()
    arguments = [*command, "--served-model-name", MODEL_NAME, "--host", "127.0.0.1", "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            arguments, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            source = Source(kind, f"http://127.0.0.1:{port}")
            try:
                retry(
                    stop=stop_after_delay(patience),
                    wait=wait_fixed(0.1),
                    retry=retry_if_exception_type(httpx.HTTPError),
                    reraise=True,
                )(_require_health)(source, process)
            except Exception as error:
                log.seek(0)
                raise RuntimeError(f"{kind} did not start: {log.read()[-4000:].decode()}") from error
            yield source
        finally:
            process.terminate()
            process.wait(timeout=60)


def _require_health(source: Source, process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        raise RuntimeError(f"the process ended with status {process.returncode}")
    httpx.get(f"{source.url}/health", timeout=5).raise_for_status()
