"""The queue: Celery on Redis. A message is a job's id, under one stable task name, on an explicit queue.

Neither of Celery's acknowledgements is trusted: late ones re-deliver every job longer than the visibility
timeout while it runs, early ones lose a job with its worker. Messages are acknowledged early, the lease
keeps a second copy out, and the reconciler sends again what was lost (docs/adr/0003).
"""

from __future__ import annotations

from celery import Celery
from kombu.entity import Queue as BrokerQueue

from shared.contracts.base import Queue

TASK = "gamut.run"


def make_queue(redis_url: str) -> Celery:
    app = Celery("gamut", broker=redis_url)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        task_create_missing_queues=False,
        task_queues=[BrokerQueue(queue.value) for queue in Queue],  # type: ignore[no-untyped-call]
        task_default_queue=Queue.COORDINATE.value,
        worker_prefetch_multiplier=1,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"visibility_timeout": 3600, "socket_keepalive": True},
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def send(app: Celery, queue: Queue, job_id: str) -> None:
    arguments: dict[str, str] = {"job_id": job_id}
    app.send_task(TASK, kwargs=arguments, queue=queue.value, retry=False)
