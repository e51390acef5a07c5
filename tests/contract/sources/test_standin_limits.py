"""What the stand-in adds to the contract: bounds on bodies and on the queue, and no work for who hung up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.contract.sources.servers import Source, running_standin

Body = dict[str, Any]
PATH = "/v1/completions"


@pytest.fixture(scope="module")
def narrow() -> Iterator[Source]:
    """A server that writes two texts at a time and lets four wait."""
    with running_standin("--max-batch", "2", "--max-waiting", "4", "--max-body-bytes", "20000") as source:
        yield source


@pytest.fixture(scope="module")
def narrow_client(narrow: Source) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=narrow.url, timeout=60) as client:
        yield client


@retry(
    stop=stop_after_delay(30),
    wait=wait_fixed(0.02),
    retry=retry_if_exception_type(AssertionError),
    reraise=True,
)
def eventually(client: httpx.Client, **load: int) -> None:
    """Wait until the server's health shows this load."""
    health = client.get("/health").json()
    assert {key: health[key] for key in load} == load


def send(server: Source, body: Body) -> HTTPConnection:
    """Send a request and do not wait for the answer; closing the connection hangs up."""
    connection = HTTPConnection(server.url.removeprefix("http://"))
    connection.request("POST", PATH, json.dumps(body), {"content-type": "application/json"})
    return connection


@pytest.fixture
def endless(completion: Body) -> Body:
    """Two texts that take seconds."""
    return completion | {"prompt": [40], "max_tokens": 500, "ignore_eos": True, "n": 2}


@pytest.mark.parametrize("declared", [True, False], ids=["with a length", "chunked"])
def test_a_body_too_large_is_413(narrow_client: httpx.Client, declared: bool) -> None:
    content = b'{"prompt": "' + b"a" * 30_000 + b'"}'
    response = narrow_client.post(
        PATH, content=content if declared else iter([content[:15_000], content[15_000:]])
    )
    assert response.status_code == 413
    assert "20000" in response.json()["error"]["message"]


def test_a_full_queue_is_429_with_retry_after(
    narrow: Source, narrow_client: httpx.Client, completion: Body, endless: Body
) -> None:
    with ExitStack() as senders:
        senders.enter_context(closing(send(narrow, endless)))
        eventually(narrow_client, running=2)
        for waiting in (2, 4):
            senders.enter_context(closing(send(narrow, endless)))
            eventually(narrow_client, waiting=waiting)
        refused = narrow_client.post(PATH, json=completion)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["error"]["type"] == "rate_limit_error"
    eventually(narrow_client, waiting=0, running=0)
    assert narrow_client.post(PATH, json=completion).status_code == 200


def test_a_limit_beyond_the_context_is_400(narrow_client: httpx.Client, completion: Body) -> None:
    response = narrow_client.post(PATH, json=completion | {"prompt": [40] * 400, "max_tokens": 113})
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["code"] == "context_length_exceeded"
    assert "512" in error["message"]
    assert "513" in error["message"]


def test_more_choices_than_the_queue_holds_can_never_work(
    narrow_client: httpx.Client, completion: Body
) -> None:
    response = narrow_client.post(PATH, json=completion | {"n": 5})
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "n"


@pytest.mark.parametrize("streamed", [False, True])
def test_who_hangs_up_is_not_written_for(
    narrow: Source, narrow_client: httpx.Client, endless: Body, streamed: bool
) -> None:
    before = narrow_client.get("/health").json()["aborted"]
    with closing(send(narrow, endless | {"stream": streamed})):
        eventually(narrow_client, running=2)
    eventually(narrow_client, running=0, aborted=before + 2)


@pytest.mark.parametrize(
    "unsupported",
    [
        {"frequency_penalty": 0.5},
        {"response_format": {"type": "json_object"}},
        {"logit_bias": {"5": 10}},
        {"top_k": 3},
    ],
    ids=str,
)
def test_what_it_cannot_do_it_refuses(
    narrow_client: httpx.Client, completion: Body, unsupported: Body
) -> None:
    response = narrow_client.post(PATH, json=completion | unsupported)
    assert response.status_code == 400
    assert next(iter(unsupported)) in response.json()["error"]["message"]


def test_neutral_values_of_the_same_fields_pass(narrow_client: httpx.Client, completion: Body) -> None:
    neutral = {
        "frequency_penalty": 0,
        "response_format": {"type": "text"},
        "logit_bias": None,
        "user": "somebody",
    }
    assert narrow_client.post(PATH, json=completion | neutral).status_code == 200
