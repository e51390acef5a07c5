"""Spans as a collector would get them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared import tracing


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):  # a process has one, and an earlier test has made it
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        tracing._state["on"] = True
    else:
        tracing.trace_with("test", SimpleSpanProcessor(exporter))
    yield exporter
    tracing._state["on"] = False
