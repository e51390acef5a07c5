"""What goes out and what comes in, in both of the protocol's shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from services.generator.calls.call import Answer, Call, Message, Model, Params
from services.generator.sources.errors import Cause, SourceError
from services.generator.sources.openai import Client, request_body
from services.generator.sources.transport import Reply

PLAIN = Call(Model("m"), "Once “upon”\n", Params(0.7, 0.9, 64, ("\n",)), 11)
CHAT = Call(Model("m"), (Message("system", "Be brief."), Message("user", "Hi")), Params(), 12)
USAGE = {"prompt_tokens": 9, "completion_tokens": 4}


class Canned:
    """A transport that answers every post alike."""

    def __init__(self, body: Any, status: int = 200, **headers: str) -> None:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        self.reply = Reply(status, {"content-type": "application/json", **headers}, data)

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        self.path = path
        return self.reply

    async def get(self, path: str) -> Reply:
        self.path = path
        return self.reply

    async def close(self) -> None: ...


async def ask(body: Any, call: Call = PLAIN, **fields: Any) -> Answer:
    return await Client("s", Canned(body, **fields)).ask(call)


async def reason(body: Any, **fields: Any) -> Cause:
    with pytest.raises(SourceError) as raised:
        await ask(body, **fields)
    assert raised.value.source == "s"
    return raised.value.reason


def sse(*events: Any, end: bool = True) -> bytes:
    lines = [b"data: " + orjson.dumps(event) + b"\n\n" for event in events]
    return b": ping\n\n" + b"".join(lines) + (b"data: [DONE]\n\n" if end else b"")


def test_a_completion_request() -> None:
    assert orjson.loads(request_body(PLAIN)) == {
        "model": "m",
        "prompt": "Once “upon”\n",
        "max_tokens": 64,
        "temperature": 0.7,
        "top_p": 0.9,
        "stop": ["\n"],
        "seed": 11,
    }


def test_a_chat_request_with_schema_logprobs_and_stream() -> None:
    params = Params(schema='{"type":"object"}', logprobs=5)
    body = orjson.loads(request_body(Call(CHAT.model, CHAT.prompt, params, 1), stream=True))
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
    ]
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (body["logprobs"], body["top_logprobs"]) == (True, 5)
    assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("call", "path", "choice"),
    [
        (PLAIN, "/v1/completions", {"text": " a time"}),
        (CHAT, "/v1/chat/completions", {"message": {"role": "assistant", "content": " a time"}}),
    ],
)
async def test_a_whole_answer(call: Call, path: str, choice: dict[str, Any]) -> None:
    transport = Canned({"choices": [{**choice, "finish_reason": "stop"}], "usage": USAGE})
    answer = await Client("s", transport).ask(call)
    assert (answer.text, answer.finish_reason, answer.tokens_in, answer.tokens_out) == (
        " a time",
        "stop",
        9,
        4,
    )
    assert transport.path == path


async def test_the_root_is_the_sources_own() -> None:
    transport = Canned({"data": [{"id": "m"}, {"id": "n"}]})
    assert await Client("s", transport, root="/proxy/v1/").models() == ["m", "n"]
    assert transport.path == "/proxy/v1/models"


async def test_a_streamed_answer_is_joined() -> None:
    body = sse(
        {"choices": [{"index": 0, "text": " a"}]},
        {"choices": [{"index": 0, "text": " time", "finish_reason": "length"}]},
        {"choices": [], "usage": USAGE},
    )
    answer = await ask(body, **{"content-type": "text/event-stream; charset=utf-8"})
    assert (answer.text, answer.finish_reason, answer.tokens_out) == (" a time", "length", 4)


@pytest.mark.parametrize(
    "body",
    [
        sse({"choices": [{"index": 0, "text": " a"}]}),
        b"",
    ],
    ids=["no finish reason", "empty"],
)
async def test_a_stream_without_its_end_is_a_cut(body: bytes) -> None:
    assert await reason(body, **{"content-type": "text/event-stream"}) is Cause.CUT


async def test_an_error_in_the_middle_of_a_stream() -> None:
    body = sse({"choices": [{"index": 0, "text": " a"}]}, {"error": {"message": "out of memory"}})
    assert await reason(body, **{"content-type": "text/event-stream"}) is Cause.SERVER_ERROR


async def test_first_token_alternatives_in_both_shapes() -> None:
    plain = {"text": "A", "finish_reason": "length", "logprobs": {"top_logprobs": [{"A": -0.1, "B": -2.5}]}}
    assert (await ask({"choices": [plain]})).top_logprobs == {"A": -0.1, "B": -2.5}
    tops = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -2.5}]
    chat = {
        "message": {"content": "A"},
        "finish_reason": "length",
        "logprobs": {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": tops}]},
    }
    assert (await ask({"choices": [chat]}, call=CHAT)).top_logprobs == {"A": -0.1, "B": -2.5}


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", {"choices": []}, {"id": 1}, {"choices": [{"finish_reason": "stop"}]}]
)
async def test_what_is_not_the_protocol_is_an_error_of_the_server(body: Any) -> None:
    assert await reason(body) is Cause.SERVER_ERROR


def choice(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"text": "a", "finish_reason": "stop", **fields}], "usage": USAGE}


@pytest.mark.parametrize(
    "body",
    [
        choice(text=["a"]),
        choice(text={"a": 1}),
        choice(text=7),
        {"choices": {"0": {"text": "a"}}},
        b'{"choices":[{"text":"\xff\xfe"}]}',
        b"[" * 100_000,
    ],
)
async def test_a_hostile_answer_is_an_error_of_the_server(body: Any) -> None:
    assert await reason(body) is Cause.SERVER_ERROR


LOGPROBS = Call(Model("m"), "A or B?", Params(logprobs=5), 1)


@pytest.mark.parametrize(
    "body",
    [
        choice(logprobs={"top_logprobs": [{"A": None}]}),
        choice(logprobs={"top_logprobs": [{"A": "-0.1"}]}),
        choice(logprobs={"top_logprobs": [{"A": 800.0}]}),
    ],
)
async def test_log_probabilities_must_be_some_where_they_were_asked_for(body: Any) -> None:
    assert (await ask(body)).text == "a"
    with pytest.raises(SourceError) as raised:
        await ask(body, call=LOGPROBS)
    assert raised.value.reason is Cause.SERVER_ERROR


async def test_a_tool_call_in_place_of_words_is_no_text() -> None:
    message = {"role": "assistant", "content": None, "tool_calls": [{"id": "x"}]}
    answer = await ask({"choices": [{"message": message, "finish_reason": "tool_calls"}]}, call=CHAT)
    assert (answer.text, answer.finish_reason, answer.tokens_out) == ("", "tool_calls", 0)


async def test_of_more_choices_than_were_asked_for_the_first_counts() -> None:
    several = [{"text": word, "index": i, "finish_reason": "stop"} for i, word in enumerate(("one", "two"))]
    assert (await ask({"choices": several})).text == "one"
    streamed = sse(*({"choices": [choice]} for choice in several))
    assert (await ask(streamed, **{"content-type": "text/event-stream"})).text == "one"


async def test_a_429_that_waiting_does_not_cure_is_no_storm() -> None:
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    assert await reason(body, status=429, **{"retry-after": "3"}) is Cause.DENIED


async def test_refusals_carry_the_servers_words_and_wishes() -> None:
    with pytest.raises(SourceError) as raised:
        await ask({"error": {"message": "slow down"}}, status=429, **{"retry-after": "3"})
    assert raised.value.reason is Cause.RATE_LIMITED
    assert raised.value.retry_after == 3.0
    assert "slow down" in str(raised.value)
    assert await reason({"error": "max_tokens too large"}, status=400) is Cause.BAD_REQUEST
    assert await reason(b"\xff\xfe", status=502) is Cause.SERVER_ERROR
