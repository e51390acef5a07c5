"""Finds what got lost, until it is told to stop: `python -m services.gateway.reconciler`."""

from __future__ import annotations

import signal
import threading

import structlog

from services.gateway.exporting import serve_metrics
from services.gateway.settings import GatewaySettings
from shared.assembly import Platform, connect

log = structlog.get_logger(__name__)


def main() -> None:
    settings = GatewaySettings()
    run(settings, connect(settings))


def run(settings: GatewaySettings, platform: Platform) -> None:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if settings.metrics_port is not None:
        serve_metrics(settings.metrics_port, platform.redis, platform.records)
    log.info("reconciler.started", every_seconds=settings.reconcile_seconds)
    platform.reconciler().run(stop, settings.reconcile_seconds)
    log.info("reconciler.stopped")


if __name__ == "__main__":
    main()
