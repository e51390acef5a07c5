"""vLLM's queue from its metrics page."""

from __future__ import annotations

from services.generator.sources.gauges import SourceQueue, read_queue

PAGE = b"""# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="tiny"} 12.0
vllm:num_requests_running{engine="1",model_name="tiny"} 3.0
vllm:num_requests_waiting{engine="0",model_name="tiny"} 1e+01
vllm:num_requests_waiting{engine="1",model_name="tiny"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",reason="capacity"} 7.0
"""


def test_engines_are_added_up() -> None:
    assert read_queue(PAGE) == SourceQueue(running=15, waiting=10)


def test_other_pages_have_no_queue() -> None:
    assert read_queue(b"process_cpu_seconds_total 3.0\n") is None
    assert read_queue(b"") is None


def test_gauges_that_are_no_numbers_are_none() -> None:
    for value in (b"e+-", b"1e999", b"9" * 400, b"NaN", b"-1"):
        page = b"vllm:num_requests_running %b\nvllm:num_requests_waiting 1\n" % value
        assert read_queue(page) is None
