"""Jobs over HTTP: posted, listed, waited for, stopped."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response

from shared.contracts.base import JobRequest
from shared.contracts.jobs import JobState
from shared.errors import InvalidData
from shared.jobs.transitions import TRANSITIONS
from shared.jobs.workspace import Workspace
from tests.unit.services.gateway.small_operations import REAL, Pool
from tests.unit.services.gateway.small_suite import PROJECT, SmallSuite

ABSENT = "dataset-" + "0" * 32


def pointers(answer: Response) -> list[str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return [error["pointer"] for error in answer.json()["errors"]]


def post(client: TestClient, count: int = 3, **options: Any) -> Response:
    return client.post("/v1/topics", json={"count": count}, **options)


def test_a_request_is_accepted_with_the_address_of_its_job(client: TestClient, suite: SmallSuite) -> None:
    answer = post(client)
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/jobs/{job['id']}")
    assert (job["state"], job["request"]) == ("queued", {"count": 3, "seed": 0})
    suite.drain()
    ended = client.get(answer.headers["location"]).json()
    assert (ended["state"], ended["artifact"].partition("-")[0]) == ("succeeded", "topics")


def test_the_same_request_again_is_answered_with_what_there_is(client: TestClient, suite: SmallSuite) -> None:
    first = post(client)
    assert post(client).json()["id"] == first.json()["id"]
    suite.drain()
    again = post(client)
    assert (again.status_code, again.json()["state"]) == (200, "succeeded")
    assert len(suite.ran) == 1


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/topics", {"count": -1}, "/count"),
        ("/v1/topics", {"count": 1, "colour": "red"}, "/colour"),
        ("/v1/topics", {"count": "many"}, "/count"),
        ("/v1/measurements", {"dataset": "../../etc/passwd"}, "/dataset"),
        ("/v1/measurements", {"dataset": ABSENT}, "/dataset"),
        ("/v1/measurements", {"dataset": REAL, "reference": ABSENT}, "/reference"),
    ],
)
def test_a_wrong_field_is_pointed_at(
    client: TestClient, suite: SmallSuite, path: str, body: dict[str, Any], pointer: str
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == 422
    assert pointers(answer) == [pointer]
    assert list(suite.records.all()) == []


def test_a_body_that_is_no_json_is_refused(client: TestClient) -> None:
    headers = {"content-type": "application/json"}
    for body in (b"{", b"[" * 100_000, b"\xff", b'{"count": 1e999}', b'{"count": ' + b"9" * 5000 + b"}"):
        answer = client.post("/v1/topics", content=body, headers=headers)
        assert answer.status_code in (400, 422), body[:20]
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_too_large_is_refused(client: TestClient) -> None:
    answer = client.post("/v1/topics", content=b" " * (2**20 + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_a_key_makes_a_request_start_once(local_store: Any, client: TestClient, suite: SmallSuite) -> None:
    def refuse(request: JobRequest, workspace: Workspace) -> None:
        raise InvalidData("no")

    suite.behaviour["topics"] = refuse
    key = {"Idempotency-Key": "mine"}
    first = post(client, headers=key)
    suite.drain()
    again = post(client, headers=key)
    assert (again.json()["id"], again.json()["state"]) == (first.json()["id"], "failed")
    assert len(suite.ran) == 1
    assert post(client).json()["state"] == "queued"  # without the key it is taken up again
    other = post(client, count=4, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_of_a_refused_request_can_be_used_again(client: TestClient, suite: SmallSuite) -> None:
    key = {"Idempotency-Key": "mine"}
    assert client.post("/v1/measurements", json={"dataset": ABSENT}, headers=key).status_code == 422
    assert client.post("/v1/measurements", json={"dataset": ABSENT}, headers=key).status_code == 422


@pytest.mark.parametrize("indexed", [True, False])
def test_jobs_are_listed_in_pages_newest_first(client: TestClient, suite: SmallSuite, indexed: bool) -> None:
    made = [post(client, count).json()["id"] for count in range(1, 8)]
    if indexed:
        suite.live.mark_index_known()
    else:
        suite.redis.flushall()
    seen, cursor = [], None
    while True:
        page = client.get("/v1/jobs", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        assert len(page["items"]) <= 3
        seen += [job["id"] for job in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert seen == made[::-1]


def test_jobs_of_one_instant_are_each_listed_once(client: TestClient, suite: SmallSuite) -> None:
    job = post(client).json()
    suite.live.mark_index_known()
    twins = [f"job-{number:032x}" for number in range(5)]
    score = suite.redis.zscore("gamut:index:default", job["id"])
    assert isinstance(score, float)
    record = suite.records.get(job["id"])
    for twin in twins:
        suite.records.create(record.model_copy(update={"id": twin}))
        suite.redis.zadd("gamut:index:default", {twin: score})
    seen, cursor = [], ""
    for _ in range(6):
        page = client.get(f"/v1/jobs?limit=1{cursor}").json()
        seen += [found["id"] for found in page["items"]]
        cursor = f"&cursor={page['next']}"
    assert sorted(seen) == sorted([job["id"], *twins])


def test_jobs_are_listed_by_operation_and_state(client: TestClient, suite: SmallSuite) -> None:
    post(client)
    suite.drain()
    client.post("/v1/measurements", json={"dataset": REAL})
    suite.live.mark_index_known()

    def listed(query: str) -> list[str]:
        return [job["operation"] for job in client.get(f"/v1/jobs?{query}").json()["items"]]

    assert listed("operation=topics") == ["topics"]
    assert listed("state=queued") == ["measure"]
    assert listed("operation=topics&state=queued") == []


@pytest.mark.parametrize("cursor", ["x", "bm8", "W10", "WzFd", "é", "W10" * 100])
def test_a_cursor_of_no_page_is_refused(client: TestClient, cursor: str) -> None:
    answer = client.get("/v1/jobs", params={"cursor": cursor})
    assert answer.status_code == 422
    assert pointers(answer) == ["/cursor"]


def test_a_queued_job_is_cancelled_at_once_and_only_once(client: TestClient, suite: SmallSuite) -> None:
    job = post(client).json()["id"]
    answer = client.post(f"/v1/jobs/{job}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelled")
    again = client.post(f"/v1/jobs/{job}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert "cancelled" in again.json()["detail"]


def test_a_running_job_is_cancelled_at_its_next_step(client: TestClient, suite: SmallSuite) -> None:
    def patient(request: JobRequest, workspace: Workspace) -> None:
        assert client.post(f"/v1/jobs/{workspace.job}/cancel").json()["state"] == "cancelling"
        for _ in range(1000):
            workspace.check()
            threading.Event().wait(0.01)  # the handler's own work; the heartbeat raises its flag meanwhile

    suite.behaviour["topics"] = patient
    job = post(client).json()["id"]
    suite.drain()
    assert client.get(f"/v1/jobs/{job}").json()["state"] == "cancelled"


def test_waiting_returns_when_the_job_ends(client: TestClient, suite: SmallSuite) -> None:
    job = post(client).json()["id"]
    assert client.get(f"/v1/jobs/{job}/wait?timeout=0").json()["state"] == "queued"
    worker = threading.Thread(target=suite.drain)
    worker.start()
    assert client.get(f"/v1/jobs/{job}/wait?timeout=30").json()["state"] == "succeeded"
    worker.join()
    assert client.get(f"/v1/jobs/{job}/wait?timeout=30").json()["state"] == "succeeded"


def test_waiting_survives_the_loss_of_redis(client: TestClient, suite: SmallSuite) -> None:
    job = post(client).json()["id"]

    def forget(request: JobRequest, workspace: Workspace) -> None:
        suite.redis.flushall()

    suite.behaviour["topics"] = forget
    worker = threading.Thread(target=suite.drain)
    worker.start()
    assert client.get(f"/v1/jobs/{job}/wait?timeout=30").json()["state"] == "succeeded"
    worker.join()


def test_what_is_not_there_is_not_found(client: TestClient) -> None:
    for method, path in (
        ("GET", f"/v1/jobs/job-{'0' * 32}"),
        ("POST", f"/v1/jobs/job-{'0' * 32}/cancel"),
        ("GET", f"/v1/jobs/job-{'0' * 32}/wait"),
        ("GET", f"/v1/jobs/job-{'0' * 32}/events"),
        ("GET", f"/v1/artifacts/{ABSENT}"),
        ("GET", f"/v1/artifacts/{ABSENT}/lineage"),
        ("GET", f"/v1/artifacts/{ABSENT}/parts/rows.jsonl"),
        ("GET", f"/v1/datasets/{ABSENT}/rows"),
        ("POST", f"/v1/datasets/upload-{'0' * 32}/complete"),
        ("GET", f"/v1/experiments/job-{'0' * 32}"),
        ("GET", "/v1/nothing"),
    ):
        answer = client.request(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


def test_the_life_of_a_job_is_published(client: TestClient) -> None:
    table = client.get("/v1/jobs/transitions").json()
    assert {state: set(following) for state, following in table.items()} == TRANSITIONS


def test_a_page_of_one_state_reads_no_other_jobs(
    client: TestClient, suite: SmallSuite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """50,000 jobs took 11 seconds: each record was read to see its state."""
    for count in range(1, 31):
        post(client, count)
    suite.drain()
    waiting = post(client, 99).json()["id"]
    suite.redis.flushall()
    suite.reconciler.once()  # one pass builds every index again
    read: list[str] = []
    found = suite.records.show

    def counted(job: str) -> Any:
        read.append(job)
        return found(job)

    monkeypatch.setattr(suite.records, "show", counted)
    assert [job["id"] for job in client.get("/v1/jobs?state=queued").json()["items"]] == [waiting]
    assert read == [waiting]
    assert client.get("/v1/jobs?state=failed").json()["items"] == []
    assert len(client.get("/v1/jobs?state=succeeded&operation=topics&limit=100").json()["items"]) == 30


def test_a_state_that_is_told_late_does_not_move_a_job_back(suite: SmallSuite) -> None:
    job = suite.run(Pool(seed=1))
    earlier = suite.records.history(job.id)[0]
    suite.live.publish_state(earlier)
    assert suite.live.indexed(PROJECT, None, 9, state=JobState.QUEUED) == []
    assert [found for found, _ in suite.live.indexed(PROJECT, None, 9, state=JobState.SUCCEEDED)] == [job.id]
