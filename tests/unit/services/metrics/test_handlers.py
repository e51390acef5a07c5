"""What the worker can do is what the API can ask for."""

from __future__ import annotations

from services.metrics.operations.handlers import handlers
from services.metrics.settings import MetricsSettings
from shared.contracts.base import Queue
from shared.contracts.operations import OPERATIONS


def test_every_handler_has_an_operation_and_every_operation_of_the_queue_a_handler() -> None:
    handled = set(handlers(MetricsSettings()))
    assert handled == {request for request in OPERATIONS.values() if request.queue is Queue.MEASURE}
