"""Starts and stops an embedded suite. Supervisor keeps its processes alive: a killed one comes back."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

import httpx
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from embedded.processes import (
    REPOSITORY,
    Additions,
    Base,
    Ports,
    Process,
    Source,
    free_ports,
    processes,
    settings,
)

READY_SECONDS = 420
VLLM_READY_SECONDS = 600
"""The suite takes half a minute on an idle machine with two cores, as a real vLLM does; on a busy one both
take minutes."""


class SuiteError(Exception):
    """The suite could not be started; the message says what to look at."""


@dataclass(frozen=True)
class Suite:
    """A running suite, as `.gamut/suite.json` remembers it."""

    data_dir: Path
    ports: Ports
    source: Source
    base: Base | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports.gateway}"

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"

    def ready_urls(self) -> dict[str, str]:
        """What has to answer before the suite is up, by name."""
        ports = self.ports
        services = {"gateway": ports.gateway, "generator": ports.generator, "metrics": ports.metrics}
        urls = {name: f"http://127.0.0.1:{port}/ready" for name, port in services.items()}
        urls["trainer"] = f"http://127.0.0.1:{ports.trainer}/ready"
        if self.source.started_here:
            urls["source"] = f"http://127.0.0.1:{ports.source}/health"
        return urls


def running(data_dir: Path) -> Suite | None:
    """The suite that runs from this folder, if its supervisor answers."""
    path = data_dir / "suite.json"
    if not path.exists() or _control(data_dir, "pid").returncode != 0:
        return None
    saved = json.loads(path.read_text())
    base = Base(**saved["base"]) if saved.get("base") else None
    return Suite(data_dir, Ports(**saved["ports"]), Source(**saved["source"]), base)


def start(
    data_dir: Path,
    source: Source | None,
    gateway_port: int | None,
    told: Callable[[str], None],
    more: Additions | None = None,
    base: Base | None = None,
) -> Suite:
    """Start every process and wait until each answers; `told` hears what is waited for."""
    data_dir.mkdir(parents=True, exist_ok=True)
    ports = free_ports(gateway_port)
    here = f"http://127.0.0.1:{ports.source}/v1"
    source = source or Source(here, "story-generator", "stand-in")
    if source.started_here:
        source = replace(source, base_url=here)
    suite = Suite(data_dir, ports, source, base)
    suite.logs.mkdir(exist_ok=True)
    config = data_dir / "supervisord.conf"
    config.write_text(_configuration(data_dir, processes(data_dir, ports, source)))
    kept = {"ports": asdict(ports), "source": asdict(source), "base": asdict(base) if base else None}
    (data_dir / "suite.json").write_text(json.dumps(kept))
    # The caller's own variables win: settings alone lead to another store, queue or log level.
    environment = settings(data_dir, ports, source, more, base) | os.environ
    command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
    launched = subprocess.run(command, env=environment, capture_output=True, text=True)
    if launched.returncode != 0:
        raise SuiteError(f"supervisord did not start: {launched.stderr.strip() or launched.stdout.strip()}")
    wait_until_ready(suite, told)
    return suite


def stop(data_dir: Path) -> None:
    """Stop every process, workers first being told to hand their jobs back."""
    _control(data_dir, "shutdown")
    pid_file = data_dir / "supervisord.pid"
    gone = Retrying(stop=stop_after_delay(60), wait=wait_fixed(0.2), retry=retry_if_result(bool))
    gone(pid_file.exists)
    (data_dir / "suite.json").unlink(missing_ok=True)


def status(data_dir: Path) -> str:
    """Supervisor's own table of the processes."""
    return _control(data_dir, "status").stdout


def wait_until_ready(suite: Suite, told: Callable[[str], None]) -> None:
    """Until each of its services answers. Raises `SuiteError`, with where to look, when one does not."""
    with httpx.Client(
        timeout=5
    ) as client:  # a new one for each question would read the certificates each time
        for name, url in suite.ready_urls().items():
            told(name)
            vllm = name == "source" and suite.source.started_here == "vllm"
            _wait_for(client, name, url, VLLM_READY_SECONDS if vllm else READY_SECONDS, suite.logs)


def _wait_for(client: httpx.Client, name: str, url: str, seconds: float, logs: Path) -> None:
    try:
        for attempt in Retrying(
            stop=stop_after_delay(seconds),
            wait=wait_fixed(0.25),
            retry=retry_if_exception_type(httpx.HTTPError),
        ):
            with attempt:
                client.get(url).raise_for_status()
    except RetryError as late:
        raise SuiteError(
            f"{name} did not answer within {seconds} s; its last lines are in {logs}. What was "
            "started goes on starting: give the same command again, or stop it with `make down`."
        ) from late


def _control(data_dir: Path, *action: str) -> subprocess.CompletedProcess[str]:
    config = data_dir / "supervisord.conf"
    command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config), *action]
    return subprocess.run(command, capture_output=True, text=True)


def _configuration(data_dir: Path, wanted: list[Process]) -> str:
    """supervisord's own file: a section a process, each restarted when it dies."""
    logs = data_dir / "logs"
    lines = [
        "[unix_http_server]",
        f"file={_socket(data_dir)}",
        "chmod=0700",
        "[supervisord]",
        f"logfile={logs}/supervisord.log",
        f"pidfile={data_dir}/supervisord.pid",
        f"childlogdir={logs}",
        f"directory={REPOSITORY}",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisorctl]",
        f"serverurl=unix://{_socket(data_dir)}",
    ]
    for priority, process in enumerate(wanted):
        lines += [
            f"[program:{process.name}]",
            f"command={shlex.join(process.command).replace('%', '%%')}",
            f"process_name={process.name}-%(process_num)d",
            f"numprocs={process.count}",
            f"priority={priority}",
            "autorestart=true",
            "startsecs=0",
            "stopwaitsecs=15",
            "stopasgroup=true",
            "killasgroup=true",
            "redirect_stderr=true",
            f"stdout_logfile={logs}/{process.name}-%(process_num)d.log",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=1",
        ]
    return "\n".join(lines) + "\n"


def _socket(data_dir: Path) -> Path:
    """In the system's temporary folder: a socket's path may have no more than about 100 characters."""
    return Path(tempfile.gettempdir()) / f"gamut-{sha256(str(data_dir).encode()).hexdigest()[:16]}.sock"
