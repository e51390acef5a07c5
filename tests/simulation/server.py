"""The simulated server: latency, a queue, a prefix cache, and every way of failing that real ones have.

    python -m tests.simulation --port 8001 --latency 0.2 --refuse 0.2 --fail 0.05 --cut 0.02

Faults are drawn from a seeded stream by the number of the request, so a run can be repeated. It counts what
it did (`GET /counts`), which is what a client's ledger is held against.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.simulation.speaker import Speaker, digest, instance

MODEL = "gamut-simulation"
BLOCK = 64
"""Characters of prompt that the prefix cache holds or drops as one."""


@dataclass
class Behaviour:
    """Times in seconds; shares between 0 and 1.

    A request takes `latency`, plus `per_prompt_block` for each block of the prompt that the prefix cache
    lacks, plus `per_token` for each token written; at most `slots` are worked on at once (0: any number).
    """

    latency: float = 0.0
    per_prompt_block: float = 0.0
    per_token: float = 0.0
    slots: int = 0
    cache_blocks: int = 0
    refuse: float = 0.0
    retry_after: float | None = None
    fail: float = 0.0
    cut: float = 0.0
    context: int = 0
    """Prompt and answer together may have so many tokens; more are refused with 400 (0: any number)."""
    template_tokens: int = 0
    """What the chat template adds to a prompt's tokens."""
    max_waiting: int | None = None
    """More waiting requests than this are refused with 429 (vLLM waits; other servers refuse)."""
    dead_from: float = float("inf")
    dead_until: float = float("inf")
    """Between these times (seconds after the start) every connection is dropped."""
    models: tuple[str, ...] = (MODEL,)
    vocabulary: int = 40
    """Words that the model has for a topic, besides the commonest of all."""
    key: str | None = None
    seed: int = 0


@dataclass
class Counts:
    """What the server did."""

    requests: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    by_key: Counter[str] = field(default_factory=Counter)
    tokens_in: int = 0
    tokens_out: int = 0
    blocks: int = 0
    blocks_hit: int = 0

    def as_dict(self) -> dict[str, Any]:
        repeated = sum(count > 1 for count in self.by_key.values())
        counts = {
            name: getattr(self, name)
            for name in ("requests", "tokens_in", "tokens_out", "blocks", "blocks_hit")
        }
        return {**counts, "answered": dict(self.answered), "answered_twice": repeated}


class PrefixCache:
    """Which prompt blocks are computed already, least recently used first out."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._blocks: OrderedDict[int, None] = OrderedDict()

    def hit(self, prompt: str) -> tuple[int, list[int]]:
        """Leading blocks that are there, and the blocks of the prompt (whole ones only, as in vLLM)."""
        blocks, chained = [], 0
        for start in range(0, len(prompt) - BLOCK + 1, BLOCK):
            chained = hash((chained, prompt[start : start + BLOCK]))
            blocks.append(chained)
        hits = 0
        while hits < len(blocks) and blocks[hits] in self._blocks:
            hits += 1
        return hits, blocks

    def keep(self, blocks: list[int]) -> None:
        for block in blocks:
            self._blocks[block] = None
            self._blocks.move_to_end(block)
        while len(self._blocks) > self._capacity:
            self._blocks.popitem(last=False)


class SimulatedServer:
    """An aiohttp application; `behaviour` may be changed while it runs."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.counts = Counts()
        self.running = self.waiting = 0
        self._rng = random.Random(self.behaviour.seed)
        self._cache = PrefixCache(self.behaviour.cache_blocks)
        self._slots = asyncio.Semaphore(self.behaviour.slots) if self.behaviour.slots else None

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/completions", self._complete)
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/counts", self._counted)
        app.on_startup.append(self._start)
        return app

    async def _start(self, app: web.Application) -> None:
        self._started = asyncio.get_running_loop().time()

    @property
    def _dead(self) -> bool:
        elapsed = asyncio.get_running_loop().time() - self._started
        return self.behaviour.dead_from <= elapsed < self.behaviour.dead_until

    async def _models(self, request: web.Request) -> web.StreamResponse:
        if self._dead:
            return self._drop(request)
        data = [{"id": name, "object": "model"} for name in self.behaviour.models]
        return _json({"object": "list", "data": data})

    async def _tokenize(self, request: web.Request) -> web.Response:
        """As vLLM has it; tokens are what the completions count (words, here)."""
        return _json({"count": len((await request.json())["prompt"].split(" "))})

    async def _metrics(self, request: web.Request) -> web.Response:
        page = (
            f'vllm:num_requests_running{{model_name="{MODEL}"}} {float(self.running)}\n'
            f'vllm:num_requests_waiting{{model_name="{MODEL}"}} {float(self.waiting)}\n'
        )
        return web.Response(text=page) if self._slots else web.Response(status=404)

    async def _counted(self, request: web.Request) -> web.Response:
        return _json(self.counts.as_dict())

    def _drop(self, request: web.Request) -> web.Response:
        """Close the connection without a word, as a dead process does."""
        assert request.transport is not None
        request.transport.abort()
        return web.Response(status=500)

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.counts.requests += 1
        if self._dead:
            self.counts.answered["dropped"] += 1
            return self._drop(request)
        behaviour = self.behaviour
        fault = self._rng.random()
        if behaviour.key and request.headers.get("authorization") != f"Bearer {behaviour.key}":
            return self._refuse(401, "the API key is missing or wrong")
        try:
            asked = orjson.loads(body)
            prompt = _prompt(asked)
            tokens_in = _tokens(prompt) + behaviour.template_tokens * ("messages" in asked)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return self._refuse(400, "not a completion request")
        if asked["model"] not in behaviour.models:
            return self._refuse(404, f"The model `{asked['model']}` does not exist.")
        if asked.get("max_tokens", 1) < 1:
            return self._refuse(400, "max_tokens must be at least 1")
        if behaviour.context and tokens_in + asked.get("max_tokens", 1) > behaviour.context:
            return self._refuse(400, f"This model's maximum context length is {behaviour.context} tokens.")
        full = behaviour.max_waiting is not None and self.waiting > behaviour.max_waiting
        if full or fault < behaviour.refuse:
            return self._refuse(429, "too many requests")
        if fault < behaviour.refuse + behaviour.fail:
            return self._refuse(500, "internal error")
        cut = fault < behaviour.refuse + behaviour.fail + behaviour.cut
        return await self._answer(request, asked, prompt, tokens_in, cut=cut)

    def _refuse(self, status: int, message: str) -> web.Response:
        self.counts.answered[str(status)] += 1
        headers = {}
        if status == 429 and self.behaviour.retry_after is not None:
            headers["Retry-After"] = str(self.behaviour.retry_after)
        return _json({"error": {"message": message, "code": status}}, status, headers)

    async def _answer(
        self, request: web.Request, asked: dict[str, Any], prompt: str, tokens_in: int, *, cut: bool
    ) -> web.StreamResponse:
        text, finish, tokens_out, logprobs = _said(asked, prompt, self.behaviour.vocabulary)
        await self._work(prompt, tokens_out)
        usage = {
            "prompt_tokens": tokens_in,
            "completion_tokens": tokens_out,
            "total_tokens": tokens_in + tokens_out,
        }
        chat = request.path.endswith("chat/completions")
        if cut:
            self.counts.answered["cut"] += 1
            return await self._cut(request, asked, text)
        self.counts.answered["200"] += 1
        self.counts.by_key[
            f"{digest(prompt, asked.get('seed'), asked['model'], asked.get('temperature')):x}"
        ] += 1
        self.counts.tokens_in += tokens_in
        self.counts.tokens_out += tokens_out
        if asked.get("stream"):
            return await _stream(request, asked, text, finish, usage, chat=chat)
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": finish,
            "logprobs": _logprobs(logprobs, chat=chat),
        }
        choice |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        return _json({"id": "sim", "model": asked["model"], "choices": [choice], "usage": usage})

    async def _work(self, prompt: str, tokens_out: int) -> None:
        """Wait for a slot, then for as long as the work takes; the prefix is cached when it is done."""
        behaviour = self.behaviour
        if self._slots:
            self.waiting += 1
            await self._slots.acquire()
            self.waiting -= 1
        self.running += 1
        try:
            hits, blocks = self._cache.hit(prompt) if behaviour.cache_blocks else (0, [])
            self.counts.blocks += len(blocks)
            self.counts.blocks_hit += hits
            missing = len(blocks) - hits if behaviour.cache_blocks else len(prompt) // BLOCK
            seconds = (
                behaviour.latency + missing * behaviour.per_prompt_block + tokens_out * behaviour.per_token
            )
            if seconds:
                await asyncio.sleep(seconds)
            self._cache.keep(blocks)
        finally:
            self.running -= 1
            if self._slots:
                self._slots.release()

    async def _cut(self, request: web.Request, asked: dict[str, Any], text: str) -> web.StreamResponse:
        """Half an answer, then nothing: the connection is gone."""
        response = web.StreamResponse(headers={"content-type": "application/json"})
        response.content_length = 10_000
        await response.prepare(request)
        await response.write(b'{"choices": [{"text": "' + text[: len(text) // 2].encode())
        assert request.transport is not None
        request.transport.abort()
        return response


def _prompt(asked: dict[str, Any]) -> str:
    if "messages" in asked:
        return "\n\n".join(message["content"] for message in asked["messages"])
    return str(asked["prompt"])


def _tokens(prompt: str) -> int:
    return max(1, len(prompt) // 4)


def _said(
    asked: dict[str, Any], prompt: str, vocabulary: int
) -> tuple[str, str, int, dict[str, float] | None]:
    """Text, finish reason, tokens written (words, here) and the first token's alternatives."""
    speaker = Speaker(prompt, asked.get("seed") or 0, asked.get("temperature", 1.0), vocabulary)
    wanted = asked.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        text = orjson.dumps(instance(wanted["json_schema"]["schema"], speaker)).decode()
    else:
        text = speaker.answer()
    finish = "stop"
    for stop in asked.get("stop") or ():
        text = text.split(stop)[0]
    words, limit = text.split(" "), asked.get("max_tokens", 512)
    if len(words) > limit:
        words, finish = words[:limit], "length"
        text = " ".join(words)
    logprobs = None
    if asked.get("logprobs") not in (None, False):
        tilt = speaker.rng.gauss(0.0, 1.0)
        logprobs = {"A": -0.7 + min(tilt, 0.0), "B": -0.7 + min(-tilt, 0.0), " the": -4.0}
    return text, finish, len(words), logprobs


def _logprobs(first: dict[str, float] | None, *, chat: bool) -> dict[str, Any] | None:
    if first is None:
        return None
    if chat:
        tops = [{"token": token, "logprob": value} for token, value in first.items()]
        return {"content": [{"token": "A", "logprob": first["A"], "top_logprobs": tops}]}
    return {"tokens": ["A"], "token_logprobs": [first["A"]], "top_logprobs": [first]}


async def _stream(
    request: web.Request, asked: dict[str, Any], text: str, finish: str, usage: dict[str, int], *, chat: bool
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    pieces = [text[i : i + 40] for i in range(0, len(text), 40)] or [""]
    for number, piece in enumerate(pieces):
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish if number == len(pieces) - 1 else None}
        choice |= {"delta": {"content": piece}} if chat else {"text": piece}
        await response.write(b"data: " + orjson.dumps({"choices": [choice]}) + b"\n\n")
    if (asked.get("stream_options") or {}).get("include_usage"):
        await response.write(b"data: " + orjson.dumps({"choices": [], "usage": usage}) + b"\n\n")
    await response.write(b"data: [DONE]\n\n")
    return response


def _json(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(data), status=status, headers=headers, content_type="application/json"
    )
