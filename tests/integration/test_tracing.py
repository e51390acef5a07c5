"""One trace from the request that asked for a job to the calls that its worker made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from services.generator.operations.handlers import handlers as generator_handlers
from services.generator.settings import GeneratorSettings
from shared import tracing
from shared.assembly import connect
from shared.contracts.jobs import JobState
from shared.testing import Bench
from tests.integration.generator.conftest import Simulated, simulated_server
from tests.simulation.server import Behaviour, SimulatedServer

REMOTE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADER = {"traceparent": f"00-{REMOTE}-00f067aa0ba902b7-01"}
SECRET = "a prompt that is nobody's business"


class Recording(SimulatedServer):
    """Keeps the headers that it was sent."""

    traceparents: list[str]

    def app(self) -> web.Application:
        self.traceparents = []

        @web.middleware
        async def keep(request: web.Request, handler: object) -> web.StreamResponse:
            self.traceparents.append(request.headers.get("traceparent", ""))
            return await handler(request)  # type: ignore[operator, no-any-return]

        app = super().app()
        app.middlewares.append(keep)
        return app


@pytest.fixture
def source() -> Iterator[Simulated]:
    with simulated_server(Behaviour(), Recording) as simulated:
        yield simulated


def test_a_request_its_job_and_its_calls_are_one_trace(
    spans: InMemorySpanExporter, source: Simulated, redis_url: str, tmp_path: Path
) -> None:
    settings = GatewaySettings(redis_url=redis_url, data_dir=tmp_path, public_url="http://gateway.test")  # type: ignore[arg-type]
    platform = connect(settings)
    with TestClient(create_app(settings, platform), base_url="http://gateway.test") as client:
        body = {"source": {"name": "small"}, "count": 10, "task": SECRET}
        job = client.post("/v1/topics", json=body, headers=HEADER).json()["id"]
        client.get("/health")
    handlers = generator_handlers(GeneratorSettings(sources={"small": source.source()}))
    bench = Bench(tmp_path, redis_url, handlers, store=platform.store)
    bench.runner.run(job)
    assert platform.records.get(job).state is JobState.SUCCEEDED

    found = {span.name: span for span in spans.get_finished_spans()}
    request, submit, run, ask = (
        found[name] for name in ("POST /v1/topics", "job.submit", "job.run", "source.ask")
    )
    assert {trace_of(span) for span in (request, submit, run, ask)} == {REMOTE}
    assert ancestors(ask, spans) >= {"job.run", "job.submit", "POST /v1/topics"}
    assert run.attributes is not None
    assert (run.attributes["gamut.job"], run.attributes["gamut.operation"]) == (job, "topics")
    assert ask.attributes is not None
    assert int(str(ask.attributes["gen_ai.usage.output_tokens"])) > 0
    assert not any("/health" in name for name in found)
    assert SECRET not in "".join(span.to_json() for span in spans.get_finished_spans())
    server = source.server
    assert isinstance(server, Recording)
    told = [header.split("-") for header in server.traceparents if header]
    assert {parts[1] for parts in told} == {REMOTE}  # vLLM goes on with the same trace


def test_nothing_is_carried_where_nobody_traces(source: Simulated, redis_url: str, tmp_path: Path) -> None:
    platform = connect(GatewaySettings(redis_url=redis_url, data_dir=tmp_path))  # type: ignore[arg-type]
    assert not tracing.is_on()
    platform.live.carry("job-1", {})
    assert platform.live.carried("job-1") == {}


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def ancestors(span: ReadableSpan, spans: InMemorySpanExporter) -> set[str]:
    by_id = {found.context.span_id: found for found in spans.get_finished_spans() if found.context}
    names: set[str] = set()
    while span.parent is not None and span.parent.span_id in by_id:
        span = by_id[span.parent.span_id]
        names.add(span.name)
    return names
