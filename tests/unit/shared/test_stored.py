"""What an older or a newer version wrote is read; what cannot be read is passed by, counted and told once."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.artifacts import Artifact, find_manifest
from shared.contracts.artifacts import Manifest
from shared.contracts.base import Queue
from shared.contracts.jobs import JobRecord, JobState
from shared.jobs.records import JobRecords
from shared.store.base import ObjectStore
from shared.store.local import LocalStore
from shared.stored import Unreadable, count_unreadable, read_stored
from tests.releases import FIRST_MANIFEST, FIRST_RECORD

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def record(**fields: Any) -> dict[str, Any]:
    return {
        "id": "job-1", "project": "p", "operation": "train", "version": 1, "queue": "train", "request": {},
        "state": "queued", "sequence": 0, "created_at": NOW.isoformat(), "updated_at": NOW.isoformat(),
    } | fields  # fmt: skip


def put(store: ObjectStore, sequence: int, content: bytes | dict[str, Any], job: str = "job-1") -> None:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    store.put(f"active/{job}", b"")
    store.put(f"jobs/{job}/{sequence:06d}.json", data)


BAD: dict[str, bytes | dict[str, Any]] = {
    "empty": b"",
    "garbage": b"\x00\xff\x00garbage",
    "half": json.dumps(record()).encode()[:40],
    "a state of the future": record(state="teleported", sequence=1),
    "a list": b"[]",
    "two formats ahead": record(format=3, sequence=1),
}


@pytest.mark.parametrize(
    "newer",
    [{"colour": "red"}, {"format": 2, "owner": {"name": "x"}}, {"error": {"title": "t", "status": 500,
     "detail": "d", "code": "c", "hint": "new"}}],
)  # fmt: skip
def test_a_record_of_the_next_version_is_read_and_moved_on(
    local_store: LocalStore, newer: dict[str, Any]
) -> None:
    put(local_store, 0, record(**newer))
    records = JobRecords(local_store)
    found = records.get("job-1")
    assert found.state is JobState.QUEUED
    assert records.append(found, state=JobState.RUNNING, attempts=1).state is JobState.RUNNING
    assert [state.state for state in records.all()] == ["running"]


def test_what_is_written_today_can_be_read_by_yesterdays_services(local_store: LocalStore) -> None:
    records = JobRecords(local_store)
    made = JobRecord.model_validate(
        record(queue=Queue.TRAIN, state=JobState.QUEUED, created_at=NOW, updated_at=NOW)
    )
    records.create(made)
    assert set(json.loads(local_store.get("jobs/job-1/000000.json"))) <= FIRST_RECORD
    manifest = Manifest.model_validate_json(json.dumps(MANIFEST))
    assert set(json.loads(manifest.model_dump_json())) <= FIRST_MANIFEST


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_record_that_cannot_be_read_is_shown_as_that_and_left_alone(
    local_store: LocalStore, content: bytes | dict[str, Any]
) -> None:
    put(local_store, 0, record())
    put(local_store, 1, content)
    put(local_store, 0, record(id="job-2"), "job-2")
    records = JobRecords(local_store)
    with pytest.raises(Unreadable):
        records.get("job-1")
    shown = records.show("job-1")
    assert shown is not None
    assert (shown.reason, shown.error.code if shown.error else None) == ("unreadable", "unreadable")
    assert [found.id for found in records.all()] == ["job-2"]
    assert [found.id for found in records.readable(records.active())] == ["job-2"]
    assert len(records.history("job-1")) == 1
    kept = content if isinstance(content, bytes) else json.dumps(content).encode()
    assert local_store.get("jobs/job-1/000001.json") == kept


def test_it_is_counted_and_told_once(local_store: LocalStore) -> None:
    before = count_unreadable()["JobRecord"]
    with capture_logs() as logs:
        for _ in range(3):
            with pytest.raises(Unreadable):
                read_stored(JobRecord, "jobs/told-once/000000.json", b"")
    assert count_unreadable()["JobRecord"] == before + 1
    assert [line["event"] for line in logs] == ["store.unreadable"]


MANIFEST: dict[str, Any] = {
    "id": "dataset-" + "a" * 32, "kind": "dataset", "operation": "ingest", "version": 1, "request": {},
    "inputs": {}, "parts": [], "summary": {}, "software": {}, "job": "job-1", "created_at": NOW.isoformat(),
}  # fmt: skip


def test_a_manifest_of_the_next_version_is_read(local_store: LocalStore) -> None:
    part = {"name": "x", "key": "parts/1-x", "media_type": "x", "bytes": 0, "sha256": "0", "chunks": [1]}
    newer = MANIFEST | {"format": 2, "licence": "MIT", "parts": [part]}
    local_store.put(f"artifacts/{MANIFEST['id']}/manifest.json", json.dumps(newer).encode())
    assert find_manifest(local_store, MANIFEST["id"]) is not None


@pytest.mark.parametrize("content", [b"", b"{}", json.dumps(MANIFEST | {"kind": "hologram"}).encode()])
def test_a_manifest_that_cannot_be_read_is_no_manifest(local_store: LocalStore, content: bytes) -> None:
    local_store.put(f"artifacts/{MANIFEST['id']}/manifest.json", content)
    assert find_manifest(local_store, MANIFEST["id"]) is None
    with pytest.raises(Unreadable):
        Artifact.open(local_store, MANIFEST["id"])
