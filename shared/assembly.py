"""Builds the adapters from the settings, in one place, for every process of the suite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import redis
from celery import Celery
from celery.signals import worker_shutting_down

from shared.contracts.jobs import JobRecord
from shared.contracts.operations import OPERATIONS
from shared.jobs.live import LiveJobs
from shared.jobs.moving import Moving
from shared.jobs.reconciler import Reconciler
from shared.jobs.records import JobRecords
from shared.jobs.running import Handlers, JobRunner
from shared.jobs.sending import Sender
from shared.jobs.submission import Submission
from shared.jobs.usage import settle
from shared.queue import TASK, make_queue, send
from shared.settings import CommonSettings
from shared.store.base import ObjectStore
from shared.store.opening import open_store
from shared.telemetry import configure_logging
from shared.tracing import configure_tracing

MAKES = {operation: request.produces for operation, request in OPERATIONS.items()}


@dataclass(frozen=True)
class Platform:
    """Everything that connects a process to the others."""

    settings: CommonSettings
    store: ObjectStore
    redis: redis.Redis
    queue: Celery
    records: JobRecords
    live: LiveJobs
    sender: Sender
    submission: Submission

    def reconciler(self) -> Reconciler:
        beat = min(self.settings.lease_seconds / 3, 2.0)
        return Reconciler(
            self.records,
            self.live,
            self.sender,
            grace_seconds=3 * beat,
            max_attempts=self.settings.max_attempts,
            settle=self._settle,
            moved=Moving(self.store, self.records, self.settings.max_attempts_in_all, MAKES).moved,
        )

    def _settle(self, record: JobRecord) -> None:
        progress = self.live.progress(record.id)
        settle(self.store, self.records, record, progress.tokens if progress else 0)


def connect(settings: CommonSettings, store: ObjectStore | None = None) -> Platform:
    """`store` is in the place of the one that the settings name."""
    configure_logging(settings.log_level, settings.log_format)
    configure_tracing(settings.service, settings.otlp_endpoint)
    store = store or open_store(settings)
    url = settings.redis_url.get_secret_value()
    client = redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=5, health_check_interval=30)
    queue = make_queue(url)
    records = JobRecords(store)
    live = LiveJobs(client, settings.lease_seconds)
    sender = Sender(lambda name, job_id: send(queue, name, job_id), live)
    submission = Submission(store, records, live, sender)
    return Platform(settings, store, client, queue, records, live, sender, submission)


def make_worker(
    settings: CommonSettings,
    handlers: Handlers,
    packages: tuple[str, ...] = (),
    platform: Platform | None = None,
) -> Celery:
    """The Celery app of a service's worker: one task, which runs the job it is given the id of.

    `packages` are the distributions whose versions go into every manifest.
    """
    platform = platform or connect(settings)
    runner = JobRunner(
        platform.store,
        platform.records,
        platform.live,
        platform.sender,
        handlers,
        lease_seconds=settings.lease_seconds,
        max_attempts=settings.max_attempts,
        max_attempts_in_all=settings.max_attempts_in_all,
        packages=packages,
    )

    def run(job_id: str) -> None:
        runner.run(job_id)

    platform.queue.task(run, name=TASK)

    worker_shutting_down.connect(lambda **_: runner.draining.set(), weak=False)
    return platform.queue


def lazy_app(create_worker: Callable[[], Celery]) -> Callable[[str], Celery]:
    """The `__getattr__` of a worker's module: makes its `app` when Celery first asks for it, so that
    importing the module connects to nothing."""
    create_once = cache(create_worker)

    def attribute(name: str) -> Celery:
        if name == "app":
            return create_once()
        raise AttributeError(name)

    return attribute
