"""What a key may use, and what happens when it has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.gateway.access import keys
from services.gateway.access.keys import Keyring, Quota, key_digest, key_id, new_key
from services.gateway.access.quotas import Quotas
from services.gateway.api import create_app
from services.gateway.settings import GatewaySettings
from shared.contracts.base import JobRequest
from shared.contracts.jobs import JobState
from shared.errors import InvalidData
from shared.jobs.usage import tokens_used
from shared.jobs.workspace import Workspace
from tests.unit.services.gateway.conftest import URL
from tests.unit.services.gateway.small_operations import ladder, recipe
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite

NARROW, THRIFTY, FREE = new_key(), new_key(), new_key()
ENTRIES = [
    {"digest": key_digest(NARROW), "project": PROJECT, "owner": "one", "quota": {"running_jobs": 2}},
    {"digest": key_digest(THRIFTY), "project": PROJECT, "owner": "two", "quota": {"tokens_a_day": 100}},
    {"digest": key_digest(FREE), "project": PROJECT, "owner": "three"},
]


def sixty_tokens(request: JobRequest, workspace: Workspace) -> None:
    workspace.progress(1, 1, "calls", tokens=60)


@pytest.fixture
def suite(local_store: Any, redis_url: str) -> SmallSuite:
    return SmallSuite(local_store, redis_url, behaviour={"topics": sixty_tokens})


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "keys.json"
    file.write_text(json.dumps(ENTRIES))
    return file


@pytest.fixture
def client(suite: SmallSuite, settings: GatewaySettings, key_file: Path) -> Iterator[TestClient]:
    settings = settings.model_copy(update={"api_keys_file": key_file})
    with TestClient(create_app(settings, suite.platform(settings), suite.operations), base_url=URL) as client:
        yield client


def post(client: TestClient, key: str, seed: int) -> Any:
    return client.post("/v1/topics", json={"seed": seed}, headers={"Authorization": f"Bearer {key}"})


def test_a_key_has_only_so_many_jobs_under_way(client: TestClient, suite: SmallSuite) -> None:
    assert [post(client, NARROW, seed).status_code for seed in (1, 2)] == [202, 202]
    refused = post(client, NARROW, 3)
    assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
    assert "2 jobs under way" in refused.json()["detail"]
    assert refused.headers["retry-after"]
    assert post(client, FREE, 4).status_code == 202  # another key's quota is its own
    suite.drain()
    assert post(client, NARROW, 3).status_code == 202


def test_what_is_under_way_or_done_is_never_refused(client: TestClient, suite: SmallSuite) -> None:
    first = [post(client, NARROW, seed).json()["id"] for seed in (1, 2)]
    assert [post(client, NARROW, seed).json()["id"] for seed in (1, 2)] == first
    suite.drain()
    for seed in (5, 6):
        post(client, NARROW, seed)
    assert post(client, NARROW, 1).status_code == 200  # made already


def test_a_failed_job_gives_its_place_back(client: TestClient, suite: SmallSuite) -> None:
    jobs = [post(client, NARROW, seed).json()["id"] for seed in (1, 2)]
    headers = {"Authorization": f"Bearer {NARROW}"}
    assert client.post(f"/v1/jobs/{jobs[0]}/cancel", headers=headers).json()["state"] == "cancelled"
    assert post(client, NARROW, 3).status_code == 202
    assert post(client, NARROW, 4).status_code == 429


def test_the_count_survives_what_redis_forgets(client: TestClient, suite: SmallSuite) -> None:
    for seed in (1, 2):
        post(client, NARROW, seed)
    suite.redis.flushall()
    suite.reconciler.once()  # rebuilds the indexes from the store
    assert post(client, NARROW, 3).status_code == 429


def test_a_place_that_an_ended_job_still_holds_is_found(client: TestClient, suite: SmallSuite) -> None:
    jobs = [post(client, NARROW, seed).json()["id"] for seed in (1, 2)]
    suite.drain()
    for job in jobs:  # its end was not told to Redis
        suite.redis.sadd(f"gamut:key:{key_id(key_digest(NARROW))}", job)
    assert post(client, NARROW, 3).status_code == 202


def test_a_day_has_only_so_many_tokens(client: TestClient, suite: SmallSuite) -> None:
    today = datetime.now(UTC).date()
    for seed, status in ((1, 202), (2, 202), (3, 429)):  # 60 tokens each: 0, then 60, then 120 are used
        answer = post(client, THRIFTY, seed)
        assert answer.status_code == status
        suite.drain()
    assert "120 of its 100 tokens" in answer.json()["detail"]
    assert tokens_used(suite.store, key_id(key_digest(THRIFTY)), today) == 120
    suite.redis.flushall()
    assert post(client, THRIFTY, 3).status_code == 429  # the store knows what was used


def test_an_attempt_that_is_taken_up_again_is_charged_for_what_it_added(
    client: TestClient, suite: SmallSuite
) -> None:
    told = iter([40, 100])

    def fail_once(request: JobRequest, workspace: Workspace) -> None:
        tokens = next(told)
        workspace.progress(tokens, 100, "calls", tokens=tokens)
        if tokens < 100:
            raise InvalidData("the first attempt ends badly")

    suite.behaviour["topics"] = fail_once
    job = post(client, THRIFTY, 1).json()["id"]
    suite.drain()
    assert suite.records.get(job).state is JobState.FAILED
    post(client, THRIFTY, 1)
    suite.drain()
    assert suite.records.get(job).state is JobState.SUCCEEDED
    today = datetime.now(UTC).date()
    assert tokens_used(suite.store, key_id(key_digest(THRIFTY)), today) == 100


def test_an_experiment_waits_for_room_and_ends(suite: SmallSuite, key_file: Path) -> None:
    """Its jobs are its key's: never more than two are under way, and all of them are made."""
    quotas = Quotas(Keyring(key_file), suite.store, suite.records, suite.live)
    suite.submission = suite.submission.admitting(quotas.admit)
    suite.restart(read_seconds=0)
    key = key_id(key_digest(NARROW))
    job = suite.submission.submit(PROJECT, recipe(ladder()), key)
    at_once: list[int] = []
    for operation in suite.operations:
        suite.behaviour[operation] = lambda request, workspace: at_once.append(len(suite.live.of_key(key)))
    while not suite.records.get(job.id).state.ended:
        suite.drain()
        suite.sender.send(suite.records.get(job.id))  # as the reconciler does every few seconds
    assert suite.records.get(job.id).state is JobState.SUCCEEDED
    assert max(at_once) == 2
    assert len(at_once) == len(suite.states())


def test_keys_are_read_again_when_their_file_changes(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "LOOK_SECONDS", 0)
    ring = Keyring(key_file)
    added = new_key()
    assert ring.caller(added) is None
    entry = {"digest": key_digest(added), "project": "other", "owner": "four", "quota": {"tokens_a_day": 5}}
    replace(key_file, json.dumps([*ENTRIES[1:], entry]))
    caller = ring.caller(added)
    assert caller is not None
    assert caller.key is not None
    assert ring.quota(caller.key) == Quota(tokens_a_day=5)
    assert ring.caller(NARROW) is None  # taken away
    replace(key_file, "half an ed")
    assert ring.caller(added) == caller


def replace(file: Path, text: str) -> None:
    draft = file.with_suffix(".draft")
    draft.write_text(text)
    os.replace(draft, file)
