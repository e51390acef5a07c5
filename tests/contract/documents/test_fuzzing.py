"""Every service answers as its OpenAPI document says, whatever is sent: schemathesis, all of its checks.

GAMUT_FUZZ_CASES=N asks for more: N cases of each operation, all cases at the schemas' edges, and operations
that follow from each other's answers.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from services.gateway.access.keys import key_digest, new_key
from services.gateway.api import create_app as create_gateway
from services.gateway.settings import GatewaySettings
from services.generator.api import create_api as create_generator
from services.generator.settings import GeneratorSettings
from services.metrics.api import create_app as create_metrics
from services.metrics.settings import MetricsSettings
from services.trainer.api import create_api as create_trainer
from services.trainer.settings import TrainerSettings
from shared.assembly import connect
from tests.integration.generator.conftest import simulated_server
from tests.simulation.server import Behaviour

ROOT = Path(__file__).resolve().parents[3]
CASES = int(os.environ.get("GAMUT_FUZZ_CASES", "3"))
KEY = new_key()
CONFIG = Path(__file__).with_name("schemathesis.toml")
PHASES = "examples,coverage,fuzzing,stateful" if "GAMUT_FUZZ_CASES" in os.environ else "fuzzing"
Given = dict[str, Any]


@pytest.fixture(scope="module")
def given(redis_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    """Settings that every service takes, with a source that answers."""
    with simulated_server(Behaviour()) as simulated:
        yield {
            "redis_url": redis_server,
            "data_dir": tmp_path_factory.mktemp("data"),
            "public_url": "http://127.0.0.1",
            "sources": {"stories": simulated.source()},
            "models": {"story-base": str(ROOT / "standin" / "models" / "base")},
            "log_level": "ERROR",
        }


def gateway(given: Given) -> FastAPI:
    """With the other services behind it, which it asks for what needs no job."""
    keys = given["data_dir"] / "keys.json"
    scopes = ["read", "write", "audit"]
    keys.write_text(
        json.dumps([{"digest": key_digest(KEY), "project": "default", "owner": "o", "scopes": scopes}])
    )
    return create_gateway(GatewaySettings(**given, api_keys_file=keys))


def generator(given: Given) -> FastAPI:
    settings = GeneratorSettings(**given)
    return create_generator(settings, connect(settings))


def metrics(given: Given) -> FastAPI:
    common = {name: given[name] for name in ("data_dir", "log_level")}
    return create_metrics(MetricsSettings(**common, prepared=True))


def trainer(given: Given) -> FastAPI:
    """With what its first request loads (`GAMUT_PREPARED`): that takes seconds of a busy machine."""
    importlib.import_module("services.trainer.operations.plan")
    settings = TrainerSettings(**given)
    return create_trainer(settings, connect(settings))


@contextmanager
def served(api: FastAPI) -> Iterator[str]:
    """The app on a port of its own."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(api, log_level="error", lifespan="on"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [held]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{held.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("make", [gateway, generator, metrics, trainer], ids=lambda make: str(make.__name__))
def test_a_service_answers_as_its_document_says(
    make: Callable[[Given], FastAPI], given: Given, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        relayed = (generator, metrics, trainer) if make is gateway else ()
        inner = {f"{one.__name__}_url": stack.enter_context(served(one(given))) for one in relayed}
        url = stack.enter_context(served(make(given | inner)))
        command = [
            *(Path(sys.executable).with_name("schemathesis"), "--no-color", "--config-file", CONFIG),
            *("run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {KEY}"),
            *(
                "--checks",
                "all",
                "--request-timeout",
                "60",
                "--max-examples",
                str(CASES),
                "--phases",
                PHASES,
                "--seed",
                "1",
            ),
            *("--generation-database", "none", "--warnings", "off", "--continue-on-failure"),
        ]
        ran = subprocess.run(list(map(str, command)), cwd=tmp_path, capture_output=True, text=True)
    shown = "\n".join(line[:400] for line in ran.stdout.splitlines())  # bodies can have a hundred megabytes
    print(shown[-400:])
    assert ran.returncode == 0, shown[-20_000:] + ran.stderr[-2000:]
