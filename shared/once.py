"""Takes one job from a queue, runs it and ends: what a Kubernetes Job starts (docs/adr/0010).

    python -m shared.once services.trainer.worker train

The message is taken off the queue before the job runs, as a worker does, and the same task runs it; so
leases, heartbeats, retries and the drain on SIGTERM are a worker's. An empty queue is no error: another pod
was first.
"""

from __future__ import annotations

import signal
import sys

import structlog
from celery import Celery
from celery.app.utils import find_app
from celery.signals import worker_shutting_down

from shared.contracts.base import Queue

log = structlog.get_logger(__name__)


def run_one(app: Celery, queue: Queue) -> bool:
    """Run the job whose message is next on the queue; False when none waits."""
    with app.connection_for_read() as connection, connection.channel() as channel:
        message = app.amqp.queues[queue.value](channel).get(no_ack=True)
    if message is None:
        log.info("once.nothing_to_do", queue=queue)
        return False
    _, arguments, _ = message.decode()
    app.tasks[message.headers["task"]](**arguments)
    return True


def drain_on_sigterm() -> None:
    """Tell the running job to go back to the queue when Kubernetes wants the pod's room."""

    def drain(number: int, frame: object) -> None:
        worker_shutting_down.send(sender="once", sig="SIGTERM", how="Warm", exitcode=0)

    signal.signal(signal.SIGTERM, drain)


def main(worker: str, queue: str) -> None:
    """`worker` is the module that `celery -A` would be given."""
    app = find_app(worker)
    drain_on_sigterm()
    run_one(app, Queue(queue))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python -m shared.once <worker module> <queue>")
    main(sys.argv[1], sys.argv[2])
