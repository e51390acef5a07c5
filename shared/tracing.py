"""OpenTelemetry traces: request → job → worker → source, as one trace. Off until GAMUT_OTLP_ENDPOINT is set.

FastAPI itself traces requests. A job's trace is carried beside it in Redis, not in its message: a message can
be lost and sent again, and what is lost with Redis is the trace alone. Spans hold ids, counts and names, and
never a prompt, an answer or a key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from opentelemetry import context, propagate, trace
from opentelemetry.trace import Span, SpanKind

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import SpanProcessor

log = structlog.get_logger(__name__)
_tracer = trace.get_tracer("gamut")
_state = {"on": False}


def configure_tracing(service: str, endpoint: str | None) -> None:
    """Send this process's spans to a collector at `endpoint` (OTLP over HTTP, such as http://otel:4318)."""
    if not endpoint or _state["on"]:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("tracing.not_installed", extra="telemetry")
        return
    trace_with(service, BatchSpanProcessor(OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces")))


def trace_with(service: str, processor: SpanProcessor) -> None:
    """Hand this process's spans to a processor."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    provider = TracerProvider(resource=Resource.create({"service.name": f"gamut-{service}"}))
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    _state["on"] = True


def is_on() -> bool:
    """Whether anybody reads spans: what is on the hot path asks first."""
    return _state["on"]


@contextmanager
def span(name: str, kind: SpanKind = SpanKind.INTERNAL, **attributes: str | int) -> Iterator[Span]:
    """A span around the block. Of an exception it notes the type; its words may be private."""
    named = {f"gamut.{key}": value for key, value in attributes.items()}
    with _tracer.start_as_current_span(
        name, kind=kind, attributes=named, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except BaseException as error:
            current.set_status(trace.StatusCode.ERROR, type(error).__name__)
            raise


def carried() -> dict[str, str]:
    """The current span as headers (`traceparent`); empty when there is none."""
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier


@contextmanager
def continuing(carrier: Mapping[str, str]) -> Iterator[None]:
    """Spans inside belong to the trace that was carried here."""
    token = context.attach(propagate.extract(carrier))
    try:
        yield
    finally:
        context.detach(token)
