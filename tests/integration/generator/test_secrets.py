"""A source's key is nowhere in what a job writes (rows, manifests, journals, records, audit, Redis, logs,
traces) nor in what the API answers; neither is the caller's own.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import pytest
import redis
import structlog
from aiohttp import web
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.gateway.access.keys import key_digest, new_key
from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from shared.assembly import connect
from shared.contracts.datasets import DatasetKind
from shared.contracts.generation.request import GenerationRequest
from shared.contracts.generation.sources import SourceRef
from shared.contracts.generation.topics import TopicsRequest
from shared.contracts.jobs import JobState
from shared.store.local import LocalStore
from shared.telemetry import configure_logging
from tests.integration.generator.conftest import Service, Simulated, simulated_server
from tests.simulation.server import MODEL, Behaviour, SimulatedServer

SOURCE = SourceRef(name="small", model=MODEL, revision="1")
VARIABLE = "GAMUT_TEST_SOURCE_KEY"


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> str:
    key = f"sk-planted-{secrets.token_hex(16)}"
    monkeypatch.setenv(VARIABLE, key)
    return key


@dataclass
class Searched:
    """What is looked for, and where the log goes."""

    secrets: list[str]
    stderr: TextIO


@pytest.fixture
def nowhere(
    planted: str,
    local_store: LocalStore,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    spans: InMemorySpanExporter,
) -> Iterator[Searched]:
    """Greps everything that was written while the test ran."""
    client = redis.Redis.from_url(redis_url)
    client.config_set("rdbcompression", "no")  # or its dumps would hide what they hold
    printed = tmp_path / "stderr.txt"
    with printed.open("w") as stderr, monkeypatch.context() as patched:
        patched.setattr("sys.stderr", stderr)
        configure_logging("DEBUG", "json")
        searched = Searched([planted], stderr)
        with caplog.at_level(logging.DEBUG):
            yield searched
        structlog.reset_defaults()
    assert "job.created" in printed.read_text()
    files = {found.key: local_store.get(found.key) for found in local_store.list("")}
    values = {key.decode(): client.dump(key) or b"" for key in client.keys("*")}
    traced = "".join(span.to_json() for span in spans.get_finished_spans())
    said = {"stderr": printed.read_bytes(), "logging": caplog.text.encode(), "spans": traced.encode()}
    written = {**files, **values, **said}
    assert len(files) > 2
    assert values
    assert "source.ask" in traced or "job.run" in traced
    for each in searched.secrets:
        assert [name for name, content in written.items() if each.encode() in content] == []


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


def test_a_run_through_the_api(
    nowhere: Searched,
    planted: str,
    simulate: Callable[..., Simulated],
    service: Callable[..., Service],
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    key = new_key()
    nowhere.secrets.append(key)
    monkeypatch.setattr("sys.stderr", nowhere.stderr)
    keys = tmp_path / "keys.json"
    scopes = ["read", "write", "audit"]
    keys.write_text(json.dumps([{"digest": key_digest(key), "project": "p", "owner": "o", "scopes": scopes}]))
    source = simulate(key=planted).source(api_key_env=VARIABLE)
    settings = GatewaySettings(
        redis_url=redis_url,  # type: ignore[arg-type]
        data_dir=tmp_path,
        public_url="http://gateway.test",
        sources={"small": source},  # type: ignore[dict-item]
        api_keys_file=keys,
        log_level="DEBUG",
    )
    request = TopicsRequest(source=SOURCE, count=5, seed=3)
    with TestClient(
        create_app(settings, connect(settings)),
        base_url="http://gateway.test",
        headers={"Authorization": f"Bearer {key}"},
    ) as client:
        answers = [client.post("/v1/topics", json=request.model_dump(mode="json"))]
        job = answers[0].json()["id"]
        assert service(small=source).run(request).id == job
        day = datetime.now(UTC).date().isoformat()
        paths = (f"/v1/jobs/{job}", f"/v1/jobs/{job}/events", "/v1/jobs", f"/v1/audit?day={day}", "/metrics")
        answers += [client.get(path) for path in paths]
        answers.append(client.get("/v1/jobs", headers={"Authorization": f"Bearer {key}x"}))
    assert [answer.status_code for answer in answers] == [202, 200, 200, 200, 200, 200, 401]
    assert answers[1].json()["state"] == "succeeded"
    assert "topics" in answers[4].text  # the audit has it
    for answer in answers:
        assert planted not in answer.text + str(answer.headers)
        assert key not in answer.text + str(answer.headers)


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
