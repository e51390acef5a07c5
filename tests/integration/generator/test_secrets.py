"""A source's key is nowhere in what a job writes: rows, manifests, journals, records, Redis, logs, errors."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
import structlog
from aiohttp import web

from services.generator.simulation.server import MODEL, Behaviour, SimulatedServer
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation import GenerationRequest, SourceRef, TopicsRequest
from shared.contracts.jobs import JobState
from shared.store.local import LocalStore
from shared.telemetry import configure_logging
from tests.integration.generator.conftest import Service, Simulated, simulated_server

SOURCE = SourceRef(name="small", model=MODEL, revision="1")
VARIABLE = "GAMUT_TEST_SOURCE_KEY"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> str:
    key = f"sk-planted-{secrets.token_hex(16)}"
    monkeypatch.setenv(VARIABLE, key)
    return key


@pytest.fixture
def nowhere(
    planted: str,
    local_store: LocalStore,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> Iterator[None]:
    """Greps everything that was written while the test ran."""
    printed = tmp_path / "stderr.txt"
    with printed.open("w") as stderr, monkeypatch.context() as patched:
        patched.setattr("sys.stderr", stderr)
        configure_logging("DEBUG", "json")
        with caplog.at_level(logging.DEBUG):
            yield
        structlog.reset_defaults()
    assert "job.created" in printed.read_text()
    files = {found.key: local_store.get(found.key) for found in local_store.list("")}
    client = redis.Redis.from_url(redis_url)
    values = {key.decode(): client.dump(key) or b"" for key in client.keys("*")}
    written = {**files, **values, "stderr": printed.read_bytes(), "logging": caplog.text.encode()}
    assert len(files) > 2
    assert [name for name, content in written.items() if planted.encode() in content] == []


@pytest.mark.usefixtures("nowhere")
def test_a_run_that_ends_well(
    planted: str, simulate: Callable[..., Simulated], service: Callable[..., Service]
) -> None:
    endpoint = simulate(key=planted, fail=0.1, cut=0.1)
    worker = service(small=endpoint.source(api_key_env=VARIABLE))
    pool = worker.run(TopicsRequest(source=SOURCE, count=30, seed=3))
    assert pool.state is JobState.SUCCEEDED, pool.error
    request = GenerationRequest(
        kind=DatasetKind.COMPLETION, topics=pool.artifact, topic_count=5, rows=20, sources=[SOURCE], seed=1
    )
    made = worker.run(request)
    assert made.state is JobState.SUCCEEDED, made.error
    assert endpoint.server.counts.answered["200"] > 0  # with the key: without it nobody is answered


@pytest.mark.usefixtures("nowhere")
def test_a_server_that_says_the_key_back(planted: str, service: Callable[..., Service]) -> None:
    """In its refusals, and in its answers."""
    with echoing(status=500) as url:
        worker = service(small={"base_url": url, "model": MODEL, "revision": "1", "api_key_env": VARIABLE})
        worker.patience = 1.0
        refused = worker.run(TopicsRequest(source=SOURCE, count=5, seed=3))
        assert refused.state is JobState.FAILED
        assert refused.error is not None
        assert "[key]" in refused.error.detail
    with echoing(status=200) as url:
        worker = service(small={"base_url": url, "model": MODEL, "revision": "1", "api_key_env": VARIABLE})
        answered = worker.run(TopicsRequest(source=SOURCE, count=1, max_candidates=3, seed=4))
        assert answered.state.ended


@pytest.mark.usefixtures("nowhere")
def test_a_worker_that_stumbles_logs_no_variables(
    planted: str,
    simulate: Callable[..., Simulated],
    service: Callable[..., Service],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An unexpected error's traceback goes through frames that hold the key."""
    worker = service(small=simulate(key=planted).source(api_key_env=VARIABLE))

    def stumble(name: str, spec: object) -> object:
        headers = spec.headers()  # type: ignore[attr-defined]
        raise RuntimeError(f"{name}: {len(headers)} headers")

    monkeypatch.setattr("services.generator.sources.registry.Registry._lane", staticmethod(stumble))
    ended = worker.run(TopicsRequest(source=SOURCE, count=5, seed=3))
    assert (ended.state, ended.reason) == (JobState.FAILED, "internal")


@contextmanager
def echoing(status: int) -> Iterator[str]:
    """A server that repeats what it was let in with."""

    class Echo(SimulatedServer):
        def app(self) -> web.Application:
            async def answer(request: web.Request) -> web.Response:
                said = request.headers.get("authorization", "")
                choice = {"text": f"{said}\n", "index": 0, "finish_reason": "stop"}
                usage = {"prompt_tokens": 1, "completion_tokens": 1}
                body = (
                    {"error": {"message": said}} if status != 200 else {"choices": [choice], "usage": usage}
                )
                return web.json_response(body, status=status)

            application = web.Application()
            application.router.add_route("*", "/{path:.*}", answer)
            return application

    with simulated_server(Behaviour(), Echo) as echo:
        yield echo.url
