"""What every service's REST edge does with what it cannot take."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from shared.contracts.base import Contract
from shared.contracts.problems import FieldError
from shared.errors import InvalidData, StoreUnavailable
from shared.http.service import make_api


class Body(Contract):
    rows: int


def broken() -> None:
    raise ConnectionError


@pytest.fixture
def api() -> FastAPI:
    api = make_api("test", "", "1", {"queue": broken}, max_body_bytes=1000)

    @api.post("/things")
    def make_thing(body: Body) -> Body:
        if body.rows == 13:
            raise InvalidData("bad rows", [FieldError(pointer="/rows/4/text", detail="is empty", line=5)])
        if body.rows == 14:
            raise StoreUnavailable
        if body.rows == 15:
            raise RuntimeError("a secret of the inside")
        return body

    return api


@pytest.fixture
def client(api: FastAPI) -> Iterator[TestClient]:
    with TestClient(api, raise_server_exceptions=False) as client:
        yield client


def test_a_wrong_field_is_pointed_at(client: TestClient) -> None:
    answer = client.post("/things", json={"rows": "many"})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/rows"]


def test_an_unknown_field_is_an_error(client: TestClient) -> None:
    answer = client.post("/things", json={"rows": 1, "row/s": 2})
    assert answer.json()["errors"][0]["pointer"] == "/row~1s"


def test_an_error_of_ours_carries_its_rows(client: TestClient) -> None:
    problem = client.post("/things", json={"rows": 13}).json()
    assert problem["code"] == "invalid_data"
    assert problem["errors"] == [{"pointer": "/rows/4/text", "detail": "is empty", "line": 5}]
    assert problem["retryable"] is False


def test_what_may_pass_says_when_to_try_again(client: TestClient) -> None:
    answer = client.post("/things", json={"rows": 14})
    assert (answer.status_code, answer.headers["retry-after"], answer.json()["retryable"]) == (503, "2", True)


def test_what_went_wrong_inside_stays_inside(client: TestClient) -> None:
    answer = client.post("/things", json={"rows": 15})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["code"] == "internal"


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(client: TestClient, declared: bool) -> None:
    body = b'{"rows": 1, "pad": "' + b"x" * 2000 + b'"}'
    content = body if declared else iter([body[:100], body[100:]])
    answer = client.post("/things", content=content)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_an_unknown_path_is_a_problem_too(client: TestClient) -> None:
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_wrong_method_is_told_the_right_ones(api: FastAPI, client: TestClient) -> None:
    """All of a path's, though they are routes of their own; a word is not taken for a parameter."""
    api.get("/things")(list)
    api.get("/things/{name}", operation_id="get_thing")(lambda name: name)
    api.post("/things/new", operation_id="new_thing")(lambda: "made")
    allowed = {path: client.delete(path).headers["allow"] for path in ("/things", "/things/1", "/things/new")}
    assert allowed == {"/things": "GET, POST", "/things/1": "GET", "/things/new": "POST"}


def test_health_readiness_and_metrics(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    ready = client.get("/ready")
    assert (ready.status_code, ready.json()["failing"]) == (503, {"queue": "ConnectionError"})
    assert "gamut_http_requests_total" in client.get("/metrics").text
