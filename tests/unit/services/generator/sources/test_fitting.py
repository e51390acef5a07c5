"""Bodies fitted to servers: as stated, and as a refusal teaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from services.generator.calls.call import Call, Message, Model, Params
from services.generator.sources.errors import Cause, SourceError
from services.generator.sources.fitting import Fit, Form
from services.generator.sources.openai import Client, request_body
from services.generator.sources.transport import Reply
from shared.contracts.fields import Sampling

CHAT = Call(Model("m"), (Message("system", "Be brief."), Message("user", "Hi")), Params(0.7, 0.9, 64), 12)
JSON = Call(CHAT.model, CHAT.prompt, CHAT.params.held_to({"type": "object"}), 12)
GOOD = {"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]}


class Strict:
    """A server with rules: the first one that a body breaks is its refusal."""

    def __init__(self, *rules: Any) -> None:
        self.rules = rules
        self.bodies: list[dict[str, Any]] = []

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        sent = orjson.loads(body)
        self.bodies.append(sent)
        for breaks, status, answer in self.rules:
            if breaks(sent):
                return Reply(status, {}, orjson.dumps(answer) if isinstance(answer, dict) else answer)
        return Reply(200, {}, orjson.dumps(GOOD))

    async def get(self, path: str) -> Reply:
        return Reply(404, {}, b"")

    async def close(self) -> None: ...


def has(name: str) -> Any:
    return lambda body: name in body


def error(message: Any, param: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"error": {"message": message, "param": param, "type": "invalid_request_error", **fields}}


def has_system(body: dict[str, Any]) -> bool:
    return bool(body["messages"][0]["role"] == "system")


NO_EXTRA = {
    "detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]
}
RULES = {
    "renamed": (
        has("max_tokens"), 400,
        error("Unsupported parameter: 'max_tokens' is not supported with this model. Use "
              "'max_completion_tokens' instead.", "max_tokens"),
    ),
    "temperature": (
        lambda body: body.get("temperature", 1) != 1, 400,
        error("Unsupported value: 'temperature' does not support 0.7 with this model.", "temperature"),
    ),
    "one of two": (
        lambda body: "temperature" in body and "top_p" in body, 400,
        error("`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
    ),
    "no seed": (has("seed"), 422, {"object": "error", "message": NO_EXTRA, "param": None}),
    "no seed, bare": (has("seed"), 422, NO_EXTRA),
    "no system": (has_system, 400, {"message": "System role not supported", "code": 400}),
    "alternate": (
        has_system, 400,
        error("Conversation roles must alternate user/assistant/user/assistant/..."),
    ),
    "no system, 500": (has_system, 500, b"Internal Server Error"),
}  # fmt: skip
LEFT = {
    "renamed": {"max_completion_tokens": 64}, "temperature": {"top_p": 0.9},
    "one of two": {"temperature": 0.7},
    "no seed": {"temperature": 0.7}, "no seed, bare": {}, "no system": {"seed": 12},
    "alternate": {"seed": 12}, "no system, 500": {"seed": 12},
}  # fmt: skip


@pytest.mark.parametrize("name", RULES)
async def test_a_refusal_that_names_a_parameter_teaches_it(name: str) -> None:
    server = Strict(RULES[name])
    client = Client("s", server)
    assert (await client.ask(CHAT)).text == "Hi"
    assert len(server.bodies) == 2
    assert server.bodies[-1].items() >= LEFT[name].items()
    assert (await client.ask(CHAT)).text == "Hi"
    assert len(server.bodies) == 3, "it is learnt once"
    assert client.fit.told()


async def test_several_refusals_teach_one_after_the_other() -> None:
    server = Strict(*(RULES[name] for name in ("renamed", "temperature", "no seed", "no system")))
    client = Client("s", server)
    assert (await client.ask(CHAT)).text == "Hi"
    assert len(client.fit.told()) == 4
    assert server.bodies[-1]["messages"] == [{"role": "user", "content": "Be brief.\n\nHi"}]


async def test_json_is_asked_for_by_what_a_server_can() -> None:
    def schema(body: dict[str, Any]) -> bool:
        return bool(body.get("response_format", {}).get("type") == "json_schema")

    unavailable = error("This response_format type is unavailable now")
    server = Strict((schema, 400, unavailable))
    assert (await Client("s", server).ask(JSON)).text == "Hi"
    assert server.bodies[-1]["response_format"] == {"type": "json_object"}
    plain = Strict((has("response_format"), 400, unavailable))
    client = Client("s", plain)
    assert (await client.ask(JSON)).text == "Hi"
    assert client.fit.form is Form.PLAIN


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 512 tokens. However, you requested 64 in max_tokens.",
        "The prompt is not allowed by our content policy",
        "You are not allowed to request logprobs from this model.",
        "max_tokens must be at least 1",
    ],
)
async def test_a_refusal_of_something_else_stands(message: str) -> None:
    params = Params(0.7, 0.9, 64, logprobs=5)
    server = Strict((lambda body: True, 400, error(message)))
    with pytest.raises(SourceError) as raised:
        await Client("s", server).ask(Call(CHAT.model, CHAT.prompt, params, 1))
    assert raised.value.reason is Cause.BAD_REQUEST
    assert len(server.bodies) == 1


async def test_a_server_that_refuses_whatever_is_tried_is_given_up() -> None:
    server = Strict(
        (lambda body: True, 400, error("unknown parameter in seed, top_p, temperature, max_tokens"))
    )
    with pytest.raises(SourceError):
        await Client("s", server).ask(CHAT)
    assert len(server.bodies) <= 8


def test_what_a_source_states_is_sent() -> None:
    fit = Fit(
        frozenset({"seed", "top_p"}), (("max_tokens", "max_completion_tokens"),), fold=True,
        extra='{"chat_template_kwargs":{"enable_thinking":false}}',
    )  # fmt: skip
    assert orjson.loads(request_body(CHAT, fit=fit)) == {
        "model": "m",
        "messages": [{"role": "user", "content": "Be brief.\n\nHi"}],
        "max_completion_tokens": 64,
        "temperature": 0.7,
        "chat_template_kwargs": {"enable_thinking": False},
    }


def test_every_sampling_parameter_of_a_request_is_sent_and_is_part_of_the_calls_identity() -> None:
    asked = Sampling(
        temperature=0.5, top_p=0.9, top_k=40, min_p=0.05, repetition_penalty=1.1, stop=["\n\n"],
        chat_template_kwargs={"enable_thinking": False}, extra_body={"think": False},
    )  # fmt: skip
    call = Call(CHAT.model, CHAT.prompt, Params.of(asked, ("END",)), 12)
    body = orjson.loads(request_body(call))
    assert body.items() >= {"temperature": 0.5, "top_k": 40, "min_p": 0.05, "think": False}.items()
    assert body["stop"] == ["END", "\n\n"]
    assert body["chat_template_kwargs"] == {"enable_thinking": False}
    others = [Params.of(asked.model_copy(update=change)) for change in ({"top_k": 41}, {"extra_body": {}})]
    keys = {Call(CHAT.model, CHAT.prompt, params, 12).key() for params in (Params.of(asked), *others)}
    assert len(keys) == 3
    with pytest.raises(ValidationError):
        Sampling(extra_body={"messages": []})


async def test_stops_that_are_not_sent_still_end_an_answer() -> None:
    call = Call(Model("m"), "Once", Params(stop=("i",)), 1)
    assert (await Client("s", Strict(), fit=Fit(frozenset({"stop"}))).ask(call)).text == "H"
