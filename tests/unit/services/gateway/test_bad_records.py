"""One bad record among many stops neither the reconciler nor a listing, an index, a metric, a collection."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry, generate_latest

from services.gateway.exporting import SuiteMetrics
from services.gateway.keeping.collection import Collection
from services.gateway.keeping.rules import Ages
from shared.artifacts import project_store
from shared.contracts.jobs import JobRecord, JobState
from tests.unit.services.gateway.small_operations import Pool
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite

BAD: dict[str, bytes] = {
    "empty": b"",
    "garbage": b"\xffgarbage",
    "of another world": b'{"format": 9, "id": 3}',
}


@pytest.fixture(params=BAD.values(), ids=BAD)
def spoilt(request: pytest.FixtureRequest, suite: SmallSuite) -> JobRecord:
    """A job under way whose newest state nobody can read."""
    job = suite.post(Pool(seed=1))
    suite.wire.clear()
    suite.store.put(f"jobs/{job.id}/000001.json", request.param)
    return job


@pytest.mark.parametrize("flushed", [False, True])
def test_the_reconciler_finds_the_others_lost_messages(
    suite: SmallSuite, spoilt: JobRecord, flushed: bool
) -> None:
    other = suite.post(Pool(seed=2))
    suite.wire.clear()
    if flushed:
        suite.redis.flushall()
    else:
        suite.live.clear_sent(other.id)
    suite.reconciler.once()
    suite.drain()
    assert suite.records.get(other.id).state is JobState.SUCCEEDED
    assert suite.store.head(f"active/{spoilt.id}") is not None  # whoever can read it will want to know


@pytest.mark.parametrize("flushed", [False, True])
def test_the_list_shows_it_as_unreadable_beside_the_others(
    client: TestClient, suite: SmallSuite, spoilt: JobRecord, flushed: bool
) -> None:
    other = suite.run(Pool(seed=2))
    suite.reconciler.once()
    if flushed:
        suite.redis.flushall()
    shown = {job["id"]: job for job in client.get("/v1/jobs").json()["items"]}
    assert shown[other.id]["state"] == "succeeded"
    if not flushed:  # then it is found by the index; from the log alone, only what can be read is listed
        assert shown[spoilt.id]["reason"] == "unreadable"
    alone = client.get(f"/v1/jobs/{spoilt.id}").json()
    assert (alone["reason"], alone["error"]["code"]) == ("unreadable", "unreadable")


def test_a_message_for_it_ends_in_a_line_of_the_log(suite: SmallSuite, spoilt: JobRecord) -> None:
    suite.wire.append(spoilt.id)
    suite.drain()
    assert suite.ran == []


def test_metrics_count_it_and_collection_goes_on(suite: SmallSuite, spoilt: JobRecord) -> None:
    registry = CollectorRegistry()
    registry.register(SuiteMetrics(suite.redis, suite.records))
    exported = generate_latest(registry).decode()
    assert 'gamut_store_unreadable{kind="JobRecord"}' in exported
    ages = Ages(*(timedelta(days=1) for _ in range(4)))
    Collection(suite.store, suite.records, suite.operations, ages).run(delete=True)


def test_a_bad_manifest_is_shown_as_unreadable_in_the_list(client: TestClient, suite: SmallSuite) -> None:
    good, bad = suite.run(Pool(seed=1)), suite.run(Pool(seed=2))
    project_store(suite.store, PROJECT).put(f"artifacts/{bad.artifact}/manifest.json", b"")
    suite.reconciler.once()
    items: list[dict[str, Any]] = client.get("/v1/artifacts").json()["items"]
    assert 'gamut_store_unreadable{kind="Manifest"}' in client.get("/metrics").text
    assert {item["id"]: item["unreadable"] for item in items if item["operation"] == "topics"} == {
        good.artifact: False,
        bad.artifact: True,
    }
    assert client.get(f"/v1/artifacts/{good.artifact}/lineage").status_code == 200


def test_a_request_of_a_newer_version_waits_for_a_newer_worker(suite: SmallSuite) -> None:
    job = suite.post(Pool(seed=1))
    newer = json.loads(suite.store.get(f"jobs/{job.id}/000000.json"))
    newer["request"]["tone"] = "cheerful"
    suite.store.put(f"jobs/{job.id}/000000.json", json.dumps(newer).encode())
    suite.drain()
    waiting = suite.records.get(job.id)
    assert (waiting.state, waiting.attempts, suite.ran) == (JobState.QUEUED, 0, [])
