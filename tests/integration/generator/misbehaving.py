"""A chat server whose answers are good, and whose manners are those that people report of real ones: the
first part of its path names them."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

THOUGHT = "Okay, the user wants a text. I should think about the length. Maybe a kite."
WHO = [
    "Anna",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Frank",
    "Grace",
    "Henry",
    "Ivy",
    "Jack",
    "Kate",
    "Leo",
    "Mia",
    "Noah",
    "Olive",
    "Paul",
    "Quinn",
    "Rose",
]
WHAT = [
    "kite",
    "river",
    "lantern",
    "bakery",
    "violin",
    "garden",
    "mountain",
    "letter",
    "bicycle",
    "island",
    "market",
    "teapot",
    "clock",
]
DID = [
    "found",
    "lost",
    "painted",
    "repaired",
    "borrowed",
    "followed",
    "carried",
    "hid",
    "sold",
    "watched",
    "built",
    "cleaned",
    "opened",
]
WHERE = [
    "near the old bridge",
    "before the storm came",
    "on a cold morning",
    "for her sister",
    "after the winter",
]


def sentence(chance: random.Random) -> str:
    return f"{chance.choice(WHO)} {chance.choice(DID)} the {chance.choice(WHAT)} {chance.choice(WHERE)}."


def good_text(prompt: str, chance: random.Random) -> str:
    """What was asked for: topics, a pair, a rating, or a story of five sentences."""
    if "one topic a line" in prompt:
        return "\n".join(
            f"- {chance.choice(WHAT)} of {chance.choice(WHO)} {chance.choice(WHERE)}" for _ in range(20)
        )
    if "Question:" in prompt:
        return f"Question: Who {chance.choice(DID)} the {chance.choice(WHAT)}?\nAnswer: {sentence(chance)}"
    if "from 1 to 5" in prompt:
        return json.dumps({"reasoning": "It is fine.", "score": 4})
    return " ".join(sentence(chance) for _ in range(5))


@dataclass
class Exchange:
    """A request and the good answer to it, for a manner to spoil."""

    asked: dict[str, Any]
    text: str
    number: int
    finish: Any = "stop"
    message: dict[str, Any] = field(default_factory=dict)
    usage: Any = field(default_factory=lambda: {"prompt_tokens": 30, "completion_tokens": 30})

    def answer(self, content: Any, **message: Any) -> web.Response:
        choice = {"index": 0, "message": {"content": content, **message}, "finish_reason": self.finish}
        return web.json_response({"choices": [choice], "usage": self.usage})


def refusal(status: int, message: str, param: str | None = None, **headers: str) -> web.Response:
    return web.json_response({"error": {"message": message, "param": param}}, status=status, headers=headers)


Manner = Callable[[Exchange], web.Response]


def wrapped(before: str, after: str = "", finish: Any = "stop") -> Manner:
    def spoil(exchange: Exchange) -> web.Response:
        exchange.finish = finish
        return exchange.answer(f"{before}{exchange.text}{after}")

    return spoil


def refuses(
    breaks: Callable[[dict[str, Any]], bool], status: int, message: str, param: str | None = None
) -> Manner:
    def spoil(exchange: Exchange) -> web.Response:
        return refusal(status, message, param) if breaks(exchange.asked) else exchange.answer(exchange.text)

    return spoil


def with_usage(usage: Any) -> Manner:
    def spoil(exchange: Exchange) -> web.Response:
        exchange.usage = usage
        return exchange.answer(exchange.text)

    return spoil


def empty(finish: str, **message: Any) -> Manner:
    def spoil(exchange: Exchange) -> web.Response:
        exchange.finish = finish
        return exchange.answer(None, **message)

    return spoil


def _gzip(exchange: Exchange) -> web.Response:
    body = gzip.compress(exchange.answer(exchange.text).body)  # type: ignore[arg-type]
    return web.Response(body=body, headers={"content-encoding": "gzip", "content-type": "application/json"})


def _surrogate(exchange: Exchange) -> web.Response:
    body = exchange.answer(exchange.text.replace("the ", "the @ ", 1)).text or ""
    return web.Response(text=body.replace("@", "\\ud83d", 1), content_type="application/json")


def _stream(exchange: Exchange) -> web.Response:
    half = len(exchange.text) // 2
    events = [
        {"reasoning_content": THOUGHT},
        {"content": exchange.text[:half]},
        {"content": exchange.text[half:]},
    ]
    lines = [f"data: {json.dumps({'choices': [{'index': 0, 'delta': delta}]})}\n\n" for delta in events]
    end = 'data:\n\ndata: null\n\ndata: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    return web.Response(text="".join(lines) + end, content_type="text/event-stream")


def _copy(exchange: Exchange) -> web.Response:
    """The first example that the prompt shows."""
    prompt = exchange.asked["messages"][-1]["content"]
    return exchange.answer(prompt.partition("<example>")[2].partition("</example>")[0].strip())


def _is_system(asked: dict[str, Any]) -> bool:
    return bool(asked["messages"][0]["role"] == "system")


MANNERS: dict[str, Manner] = {
    "ok": wrapped(""),
    "think-inline": wrapped(f"<think>\n{THOUGHT}\n</think>\n\n"),
    "think-open": wrapped(f"{THOUGHT}\n</think>\n\n"),
    "think-empty": wrapped("<think>\n\n</think>\n\n"),
    "harmony": wrapped(
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>"
    ),
    "reasoning-beside": lambda e: e.answer(e.text, reasoning_content=THOUGHT),
    "special-end": wrapped("", "<|im_end|>\n<|endoftext|>", "eos_token"),
    "special-run-on": wrapped("", "<|im_end|>\n<|im_start|>user\nThanks, another one.<|im_end|>", "length"),
    "end-turn": wrapped("", "<end_of_turn>", "end_turn"),
    "title": wrapped("**The Kite**\n\n"),
    "heading": wrapped("# The Kite\n\n"),
    "fence": wrapped("```\n", "\n```"),
    "usage-float": with_usage({"prompt_tokens": 12.0, "completion_tokens": 30.0}),
    "usage-words": with_usage({"prompt_tokens": "many", "completion_tokens": -1}),
    "usage-none": with_usage(None),
    "gzip": _gzip,
    "parts": lambda e: e.answer([{"type": "text", "text": e.text}]),
    "thinking-parts": lambda e: e.answer(
        [{"type": "thinking", "thinking": [{"text": THOUGHT}]}, {"type": "text", "text": e.text}]
    ),
    "surrogate": _surrogate,
    "stream-without-done": _stream,
    "max-completion": refuses(
        lambda asked: "max_tokens" in asked, 400,
        "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' "
        "instead.", "max_tokens",
    ),
    "temp-one": refuses(
        lambda asked: asked.get("temperature", 1) != 1, 400,
        "Unsupported value: 'temperature' does not support 0.7 with this model.", "temperature",
    ),
    "temp-or-top-p": refuses(
        lambda asked: "temperature" in asked and "top_p" in asked, 400,
        "`temperature` and `top_p` cannot both be specified for this model.",
    ),
    "no-seed": refuses(
        lambda asked: "seed" in asked, 422,
        "[{'type': 'extra_forbidden', 'loc': ['body', 'seed'], 'msg': 'Extra inputs are not permitted'}]",
    ),
    "no-system": refuses(_is_system, 400, "System role not supported"),
    "no-system-500": refuses(_is_system, 500, "Internal Server Error"),
    "no-schema": refuses(
        lambda asked: "response_format" in asked, 400, "This response_format type is unavailable now"
    ),
    "preamble": wrapped("Sure! Here's a short story about that:\n\n", "\n\nLet me know if you like it."),
    "trail": wrapped("", "\n\nLet me know if you need more."),
    "here-is": wrapped("Here is what you asked for:\n\n"),
    "copies": _copy,
    "think-cut": lambda e: wrapped(f"<think>\n{THOUGHT}")(Exchange(e.asked, "", e.number)),
    "reasoning-null": empty("length", reasoning_content=THOUGHT, reasoning=THOUGHT),
    "tool-calls": empty("tool_calls", tool_calls=[{"id": "c1", "type": "function", "function": {}}]),
    "rate-429-day": lambda e: refusal(
        429, "Quota exceeded: requests per day, limit: 20. Retry in 14h3m2s.", **{"retry-after": "50582"}
    ),
    "rate-429-dayless": lambda e: refusal(429, "You exceeded your current quota, please check your plan."),
    "rate-403-some": lambda e: (
        refusal(403, "Rate limit exceeded: requests per second") if e.number % 3 == 1 else e.answer(e.text)
    ),
}  # fmt: skip


class Misbehaving:
    """`calls` counts requests by manner, `bodies` keeps them."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/{manner}/v1/chat/completions", self._chat)
        app.router.add_get("/{manner}/v1/models", self._models)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": request.match_info["manner"]}]})

    async def _chat(self, request: web.Request) -> web.Response:
        manner, asked = request.match_info["manner"], await request.json()
        self.calls[manner] += 1
        self.bodies.append(asked)
        prompt = "\n".join(turn["content"] for turn in asked["messages"])
        number = self.calls[manner]
        text = good_text(prompt, random.Random(f"{prompt} {asked.get('seed')} {number}"))
        return MANNERS[manner](Exchange(asked, text, number))


@contextmanager
def misbehaving_server() -> Iterator[tuple[Misbehaving, Callable[..., dict[str, Any]]]]:
    """The server, and what a source of it looks like: `source("gzip")`."""
    server = Misbehaving()
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(server.app())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return int(runner.addresses[0][1])

    port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)

    def source(manner: str, **fields: Any) -> dict[str, Any]:
        url = f"http://127.0.0.1:{port}/{manner}/v1"
        stream = manner.startswith("stream")
        return {"base_url": url, "model": manner, "api": "chat", "concurrency": 4, "stream": stream, **fields}

    try:
        yield server, source
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
