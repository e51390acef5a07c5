"""The composed suite, driven as a person drives it: `docker compose` and HTTP."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from embedded.client import GatewayClient
from tests.deploy.compose import compose_command, example
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
LOCAL_BASE = "gamut-local/python:3.11"


def engine_answers() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def base_image() -> str:
    """GAMUT_BASE_IMAGE, or a base made here from the Debian mirror."""
    given = os.environ.get("GAMUT_BASE_IMAGE")
    if given:
        return given
    if subprocess.run(["docker", "image", "inspect", LOCAL_BASE], capture_output=True).returncode != 0:
        subprocess.run([ROOT / "scripts" / "local-base-image.sh", LOCAL_BASE], check=True)
    return LOCAL_BASE


class KeyedGateway(GatewayClient):
    """The script's client, with an API key."""

    def __init__(self, url: str, key: str) -> None:
        super().__init__(url)
        self._http.headers["Authorization"] = f"Bearer {key}"


@dataclass
class Stack:
    """One suite under a project name of its own."""

    folder: Path
    build: dict[str, str]
    project: str = field(default_factory=lambda: f"gamut-test-{secrets.token_hex(4)}")
    key: str = field(default_factory=lambda: f"gamut_{secrets.token_urlsafe(32)}")
    gateway_port: int = field(default_factory=free_port)
    store_port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        keys = self.folder / "keys.json"
        digest = "sha256:" + hashlib.sha256(self.key.encode()).hexdigest()
        keys.write_text(json.dumps([{"digest": digest, "project": "default", "owner": "a test"}]))
        keys.chmod(0o644)
        self.secrets = {
            "REDIS_PASSWORD": secrets.token_hex(16),
            "S3_ACCESS_KEY": "AK" + secrets.token_hex(8),
            "S3_SECRET_KEY": secrets.token_hex(16),
        }
        self._environment = os.environ | example(
            **self.secrets,
            **self.build,
            API_KEYS_FILE=str(keys),
            TORCH_INDEX="",
            GATEWAY_ADDRESS=f"127.0.0.1:{self.gateway_port}",
            PUBLIC_URL=self.url,
            S3_ADDRESS=f"127.0.0.1:{self.store_port}",
            S3_PUBLIC_ENDPOINT=f"127.0.0.1:{self.store_port}",
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def gateway(self) -> KeyedGateway:
        return KeyedGateway(self.url, self.key)

    def compose(self, *arguments: str, timeout: float = 1800) -> str:
        """Output of a compose command; its words when it fails."""
        command = compose_command()
        assert command is not None
        files = ["-f", str(ROOT / "compose.yaml"), "-f", str(ROOT / "compose.test.yaml")]
        answer = subprocess.run(
            [*command, "-p", self.project, "--env-file", os.devnull, *files, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        said = f"compose {' '.join(arguments)}\n{answer.stdout}{answer.stderr}"
        assert answer.returncode == 0, said[-20_000:]
        return answer.stdout

    def inspect(self, service: str) -> dict[str, Any]:
        container = self.compose("ps", "-a", "-q", service).split()[0]
        text = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=True)
        return dict(json.loads(text.stdout)[0])

    def kill(self, service: str) -> None:
        """End a container as a crash does: its restart policy applies, which `docker kill` turns off."""
        os.kill(self.inspect(service)["State"]["Pid"], signal.SIGKILL)
