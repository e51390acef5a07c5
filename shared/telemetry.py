"""Logs a program can read, and the counters every process keeps."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import structlog
from prometheus_client import REGISTRY, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.stored import count_unreadable

REQUESTS = Counter(
    "gamut_http_requests_total", "HTTP answers by route and status.", ["method", "route", "status"]
)


class UnreadableObjects(Collector):
    """By kind, the objects of the store that this process has met and cannot read."""

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "gamut_store_unreadable", "Objects that this process met and cannot read.", labels=["kind"]
        )
        for kind, objects in count_unreadable().items():
            family.add_metric([kind], objects)
        yield family


REGISTRY.register(UnreadableObjects())

# Where an error came from, without the variables there: a key may be among them.
_FRAMES = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def configure_logging(level: str, style: str) -> None:
    """One line an event: JSON for programs, or columns for a person at a terminal."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[structlog.typing.Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if style == "console"
        else [structlog.processors.ExceptionRenderer(_FRAMES), structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,  # so that loggers follow a later configuration
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
