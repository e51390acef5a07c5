"""Prometheus metrics of the suite as a whole, which the reconciler serves: there is one of it.

Each is explained in docs/operations.md; a test holds both together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

import redis
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from shared.contracts.base import Queue
from shared.jobs.counts import BOUNDS, Counts
from shared.jobs.records import JobRecords
from shared.telemetry import UnreadableObjects


class SuiteMetrics(Collector):
    """Asked anew at every scrape, which fails while Redis or the store is away."""

    def __init__(self, client: redis.Redis, records: JobRecords) -> None:
        self._redis = client
        self._counts = Counts(client)
        self._records = records

    def collect(self) -> Iterator[Metric]:
        yield from (self._ended(), self._seconds(), self._queues(), self._active())
        yield from UnreadableObjects().collect()

    def _ended(self) -> Metric:
        family = CounterMetricFamily(
            "gamut_jobs_ended", "Jobs by how they ended.", labels=["operation", "state"]
        )
        for labels, jobs in self._counts.all_ended().items():
            family.add_metric(labels, jobs)
        return family

    def _seconds(self) -> Metric:
        name = "gamut_job_attempt_seconds"
        family = HistogramMetricFamily(name, "Seconds one attempt at a job took.", labels=["operation"])
        for operation, (counts, total) in self._counts.all_seconds().items():
            bounds = ["+Inf" if bound == float("inf") else str(bound) for bound in BOUNDS]
            family.add_metric([operation], list(zip(bounds, accumulate(counts), strict=True)), total)
        return family

    def _queues(self) -> Metric:
        family = GaugeMetricFamily("gamut_queue_messages", "Jobs whose message waits.", labels=["queue"])
        for queue in Queue:
            family.add_metric([queue.value], float(str(self._redis.llen(queue.value))))
        return family

    def _active(self) -> Metric:
        family = GaugeMetricFamily(
            "gamut_jobs_active", "Jobs that have not ended.", labels=["operation", "queue", "state"]
        )
        records = self._records.readable(self._records.active())
        found = Counter(
            (record.operation, record.queue.value, record.state.value)
            for record in records
            if not record.state.ended
        )
        for labels, jobs in found.items():
            family.add_metric(labels, jobs)
        return family


def serve_metrics(port: int, client: redis.Redis, records: JobRecords) -> None:
    """`GET /metrics` on a port of its own, in a thread."""
    registry = CollectorRegistry()
    registry.register(SuiteMetrics(client, records))
    start_http_server(port, registry=registry)
