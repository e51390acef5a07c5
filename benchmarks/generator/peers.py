"""Environments of the peers: `.venv-bench-<name>`, made once from `requirements-<name>.txt`."""

from __future__ import annotations

import subprocess
import venv
from functools import cache
from pathlib import Path

from benchmarks.generator.missing import Missing
from benchmarks.generator.processes import REPOSITORY

HERE = Path(__file__).parent


@cache
def python(name: str) -> str:
    """The peer's python. Raises `Missing` when it cannot be installed here."""
    folder = REPOSITORY / f".venv-bench-{name}"
    found, ready = folder / "bin" / "python", folder / ".ready"
    if not ready.exists():
        venv.create(folder, with_pip=True, clear=True)
        wanted = HERE / f"requirements-{name}.txt"
        command = [found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"{name} cannot be installed: {done.stderr.strip()[-500:]}")
        ready.touch()
    return str(found)


@cache
def version(name: str, package: str) -> str:
    command = [python(name), "-c", f"from importlib.metadata import version; print(version({package!r}))"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
