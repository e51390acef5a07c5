"""What any source refuses, with which status, in OpenAI's error format."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.sources.servers import CONTEXT

Body = dict[str, Any]


def refusal(response: httpx.Response, *statuses: int) -> str:
    """Check status and error body; return the message."""
    assert response.status_code in statuses, response.text
    error = response.json()["error"]
    assert error["type"]
    assert error["message"]
    return str(error["message"])


@pytest.mark.parametrize("path", ["/v1/completions", "/v1/chat/completions"])
def test_an_unknown_model_is_404(client: httpx.Client, completion: Body, chat: Body, path: str) -> None:
    body = (completion if path == "/v1/completions" else chat) | {"model": "no-such-model"}
    assert "no-such-model" in refusal(client.post(path, json=body), 404)


def test_a_prompt_longer_than_the_context_is_400(client: httpx.Client, completion: Body) -> None:
    message = refusal(client.post("/v1/completions", json=completion | {"prompt": [40] * (CONTEXT + 1)}), 400)
    assert str(CONTEXT) in message


def test_prompt_and_text_together_never_exceed_the_context(client: httpx.Client, completion: Body) -> None:
    """The stand-in refuses such a limit, as OpenAI does; vLLM 0.32 cuts it."""
    body = completion | {"prompt": [40] * 400, "max_tokens": CONTEXT - 399}
    response = client.post("/v1/completions", json=body)
    if response.status_code == 200:
        assert response.json()["usage"]["total_tokens"] <= CONTEXT
    else:
        assert str(CONTEXT) in refusal(response, 400)


def test_prompt_and_limit_may_fill_the_context(client: httpx.Client, completion: Body) -> None:
    body = completion | {"prompt": [40] * (CONTEXT - 4), "max_tokens": 4}
    assert client.post("/v1/completions", json=body).status_code == 200


def test_a_long_conversation_is_400(client: httpx.Client, chat: Body) -> None:
    message = {"role": "user", "content": "word " * CONTEXT}
    refusal(client.post("/v1/chat/completions", json=chat | {"messages": [message]}), 400)


@pytest.mark.parametrize(
    "wrong",
    [
        {"temperature": -1},
        {"temperature": "hot"},
        {"top_p": 0},
        {"top_p": 1.5},
        {"n": 0},
        {"max_tokens": -1},
        {"max_tokens": "many"},
        {"prompt": {"text": "no"}},
        {"logprobs": -3},
        {"logprobs": 10_000},
        {"stop": 5},
        {"stream": "perhaps"},
    ],
    ids=str,
)
def test_bad_values_are_refused(client: httpx.Client, completion: Body, wrong: Body) -> None:
    refusal(client.post("/v1/completions", json=completion | wrong), 400, 422)


@pytest.mark.parametrize(
    "wrong",
    [
        {"messages": "hello"},
        {"messages": [{"content": "no role"}]},
        {"top_logprobs": 3},
        {"temperature": -0.5},
    ],
    ids=str,
)
def test_bad_chat_values_are_refused(client: httpx.Client, chat: Body, wrong: Body) -> None:
    refusal(client.post("/v1/chat/completions", json=chat | wrong), 400, 422)


@pytest.mark.parametrize("missing", ["prompt"])
def test_a_missing_field_is_refused(client: httpx.Client, completion: Body, missing: str) -> None:
    del completion[missing]
    refusal(client.post("/v1/completions", json=completion), 400, 422)


def test_malformed_json_is_refused(client: httpx.Client) -> None:
    headers = {"content-type": "application/json"}
    refusal(client.post("/v1/completions", content=b'{"model": ', headers=headers), 400, 422)


def test_a_refusal_leaves_the_server_well(client: httpx.Client, completion: Body) -> None:
    refusal(client.post("/v1/completions", json=completion | {"n": 0}), 400, 422)
    assert client.post("/v1/completions", json=completion).status_code == 200
