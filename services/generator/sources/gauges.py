"""vLLM's own queue, read from its `/metrics` page (Prometheus text)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_NUMBER = rb"[0-9]{1,15}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,2})?"
_LINE = re.compile(
    rb"^vllm:(num_requests_running|num_requests_waiting)(?:\{[^}]*\})? (" + _NUMBER + rb")$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class SourceQueue:
    """Requests the server is working on and requests that wait, over all its engines."""

    running: int
    waiting: int


def read_queue(page: bytes) -> SourceQueue | None:
    """The queue gauges of a metrics page; None when the server is not vLLM or hides them."""
    sums: dict[bytes, float] = {}
    for name, value in _LINE.findall(page):
        sums[name] = sums.get(name, 0.0) + float(value)
    if len(sums) < 2:
        return None
    return SourceQueue(int(sums[b"num_requests_running"]), int(sums[b"num_requests_waiting"]))
