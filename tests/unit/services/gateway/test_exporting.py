"""What the suite counts, as Prometheus reads it: whichever process counted it, and when it is long gone."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.gateway.exporting import SuiteMetrics
from shared.contracts.base import JobRequest
from shared.errors import InvalidData
from shared.jobs.workspace import Workspace
from tests.unit.services.gateway.small_operations import Pool
from tests.unit.services.gateway.small_suite import SmallSuite


def series(suite: SmallSuite) -> dict[str, float]:
    """`name{label,…}` → value, read back from the exposition format."""
    registry = CollectorRegistry()
    registry.register(SuiteMetrics(suite.redis, suite.records))
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found[f"{sample.name}{{{','.join(value for _, value in sorted(sample.labels.items()))}}}"] = (
                sample.value
            )
    return found


def fail(request: JobRequest, workspace: Workspace) -> None:
    raise InvalidData("on purpose")


def test_jobs_are_counted_by_how_they_ended(suite: SmallSuite) -> None:
    for seed in range(3):
        suite.run(Pool(seed=seed))
    suite.behaviour["topics"] = fail
    suite.run(Pool(seed=9))
    found = series(suite)
    assert found["gamut_jobs_ended_total{topics,succeeded}"] == 3
    assert found["gamut_jobs_ended_total{topics,failed}"] == 1
    assert found["gamut_job_attempt_seconds_count{topics}"] == 4
    assert found["gamut_job_attempt_seconds_bucket{+Inf,topics}"] == 4
    assert 0 < found["gamut_job_attempt_seconds_sum{topics}"] < 60


def test_what_is_under_way_is_shown_as_it_is(suite: SmallSuite) -> None:
    job = suite.post(Pool(seed=1))
    suite.redis.rpush("generate", "a message")
    found = series(suite)
    assert found["gamut_jobs_active{topics,generate,queued}"] == 1
    assert found["gamut_queue_messages{generate}"] == 1
    assert found["gamut_queue_messages{train}"] == 0
    suite.cancellation.cancel(job.id)
    found = series(suite)
    assert "gamut_jobs_active{topics,generate,queued}" not in found
    assert found["gamut_jobs_ended_total{topics,cancelled}"] == 1


@pytest.mark.parametrize("times", [1, 2])
def test_a_redis_that_was_emptied_counts_from_nothing(suite: SmallSuite, times: int) -> None:
    suite.run(Pool(seed=1))
    suite.redis.flushall()
    for seed in range(times):
        suite.run(Pool(seed=10 + seed))
    assert series(suite)["gamut_jobs_ended_total{topics,succeeded}"] == times
