"""`POST /v1/chat/completions`: what any source must honour."""

from __future__ import annotations

from typing import Any

import httpx

from tests.contract.sources.servers import CONTEXT
from tests.contract.sources.streams import counts, stream

Body = dict[str, Any]
PATH = "/v1/chat/completions"


def ask(client: httpx.Client, body: Body) -> Body:
    response = client.post(PATH, json=body)
    assert response.status_code == 200, response.text
    answer: Body = response.json()
    return answer


def contents(answer: Body) -> list[str]:
    return [choice["message"]["content"] for choice in answer["choices"]]


def test_an_answer_has_the_api_s_shape(client: httpx.Client, chat: Body) -> None:
    answer = ask(client, chat)
    assert answer["object"] == "chat.completion"
    [choice] = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 24


def test_the_newer_limit_works_too(client: httpx.Client, chat: Body) -> None:
    del chat["max_tokens"]
    assert ask(client, chat | {"max_completion_tokens": 7})["usage"]["completion_tokens"] == 7


def test_without_a_limit_the_context_is_the_limit(client: httpx.Client, chat: Body) -> None:
    del chat["max_tokens"]
    answer = ask(client, chat | {"temperature": 0})
    assert answer["usage"]["total_tokens"] <= CONTEXT
    assert answer["choices"][0]["finish_reason"] in {"stop", "length"}


def test_content_may_come_in_parts(client: httpx.Client, chat: Body) -> None:
    text = chat["messages"][0]["content"]
    parts = [{"role": "user", "content": [{"type": "text", "text": text}]}]
    greedy = chat | {"temperature": 0}
    assert contents(ask(client, greedy | {"messages": parts})) == contents(ask(client, greedy))


def test_seed_n_and_temperature_are_honoured(client: httpx.Client, chat: Body) -> None:
    drawn = contents(ask(client, chat | {"n": 4}))
    assert len(set(drawn)) == 4
    assert contents(ask(client, chat | {"n": 4})) == drawn
    greedy = {contents(ask(client, chat | {"seed": seed, "temperature": 0}))[0] for seed in (1, 2)}
    assert len(greedy) == 1


def test_a_stop_string_ends_the_message_before_it(client: httpx.Client, chat: Body) -> None:
    greedy = chat | {"temperature": 0, "max_tokens": 120}
    [whole] = contents(ask(client, greedy))
    [choice] = ask(client, greedy | {"stop": [". "]})["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"] == whole[: whole.index(". ")]


def test_a_stream_says_what_the_whole_answer_says(client: httpx.Client, chat: Body) -> None:
    whole = ask(client, chat)
    chunks = stream(client, PATH, chat)
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    assert choices[0]["delta"]["role"] == "assistant"
    assert "".join(choice["delta"].get("content") or "" for choice in choices) == contents(whole)[0]
    assert [c["finish_reason"] for c in choices if c["finish_reason"]] == ["length"]


def test_a_stream_ends_with_usage_when_asked(client: httpx.Client, chat: Body) -> None:
    chunks = stream(client, PATH, chat | {"stream_options": {"include_usage": True}})
    assert chunks[-1]["choices"] == []
    assert counts(chunks[-1]["usage"]) == counts(ask(client, chat)["usage"])
