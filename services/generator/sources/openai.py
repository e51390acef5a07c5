"""The OpenAI protocol as servers speak it (vLLM first): request bodies out, answers and errors in.

Completions and chat, whole or streamed, with first-token log-probabilities and structured output
(`response_format: json_schema`, which vLLM and OpenAI share). A streamed answer is collected, not forwarded;
streaming is for servers or proxies that drop silent connections, and a stream without its end is a cut.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from math import isfinite
from typing import Any, Literal

import orjson
from opentelemetry.trace import SpanKind

from services.generator.calls.call import Answer, Call, Params
from services.generator.sources.errors import Reason, SourceError, reason_of_status, with_advice
from services.generator.sources.gauges import SourceQueue, read_queue
from services.generator.sources.transport import Reply, Transport
from shared import tracing

Api = Literal["completions", "chat"]
ROUNDING = 1e-3
"""How far above 0 a log-probability may lie: single precision has its errors."""
NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""OpenAI's codes for a 429 that waiting does not cure."""
PATHS: dict[str, str] = {"completions": "/completions", "chat": "/chat/completions"}


class Client:
    """One source: `ask` a call, list its `models`, read its `queue`. Raises `SourceError` only.

    `root` is the path of the API on its server; `stream` asks for streamed answers. `key` is the API key,
    sent with every call. Where the server repeats it, `[key]` is put in its place, so that it gets into no
    row, error or log."""

    def __init__(
        self, name: str, transport: Transport, *, root: str = "/v1", stream: bool = False, key: str = ""
    ) -> None:
        self.name = name
        self._key = key.encode()
        self.stream = stream
        self._transport = transport
        self._root = root.rstrip("/")
        self._paths = {api: self._root + path for api, path in PATHS.items()}

    def ask(self, call: Call) -> Coroutine[Any, Any, Answer]:
        """The answer to a call."""
        return self._traced(call) if tracing.is_on() else self._ask(call)

    async def _traced(self, call: Call) -> Answer:
        with tracing.span("source.ask", SpanKind.CLIENT, source=self.name, model=call.model.name) as span:
            answer = await self._ask(call, tracing.carried())
            span.set_attribute("gen_ai.usage.input_tokens", answer.tokens_in)
            span.set_attribute("gen_ai.usage.output_tokens", answer.tokens_out)
            return answer

    async def _ask(self, call: Call, headers: Mapping[str, str] | None = None) -> Answer:
        api = "completions" if isinstance(call.prompt, str) else "chat"
        body = request_body(call, stream=self.stream)
        try:
            reply = self._heard(await self._transport.post(self._paths[api], body, headers))
        except SourceError as error:
            error.source = self.name
            raise
        if reply.status != 200:
            raise _refused(reply, self.name)
        try:
            streamed = reply.headers.get("content-type", "").startswith("text/event-stream")
            return _from_stream(reply.body, self.name) if streamed else _from_body(reply.body, self.name)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            detail = f"the answer is not what the protocol says ({error!r}): {reply.body[:200]!r}"
            raise SourceError(Reason.SERVER_ERROR, detail, source=self.name) from error

    async def models(self) -> list[str]:
        """The names the server answers to (`GET /models`), the cheapest sign of life; none when it keeps no
        list."""
        reply = self._heard(await self._transport.get(f"{self._root}/models"))
        if reply.status in (404, 405):
            return []
        if reply.status != 200:
            raise _refused(reply, self.name)
        try:
            return [str(model["id"]) for model in orjson.loads(reply.body)["data"]]
        except (KeyError, TypeError, orjson.JSONDecodeError) as error:
            raise SourceError(Reason.SERVER_ERROR, f"GET /models: {error!r}", source=self.name) from error

    def _heard(self, reply: Reply) -> Reply:
        if self._key and self._key in reply.body:
            reply.body = reply.body.replace(self._key, b"[key]")
        return reply

    async def queue(self) -> SourceQueue | None:
        """The server's own queue gauges, when it is a vLLM that shows them. Raises `SourceError` while it
        is away."""
        reply = await self._transport.get("/metrics")
        return read_queue(reply.body) if reply.status == 200 else None

    async def close(self) -> None:
        await self._transport.close()


def request_body(call: Call, *, stream: bool = False) -> bytes:
    """The JSON body of a call."""
    if isinstance(call.prompt, str):
        head = _fixed_part(call.model.name, call.params, chat=False, stream=stream)
        prompt = orjson.dumps(call.prompt)
    else:
        head = _fixed_part(call.model.name, call.params, chat=True, stream=stream)
        prompt = orjson.dumps([{"role": m.role, "content": m.content} for m in call.prompt])
    return b'%b%b,"seed":%d}' % (head, prompt, call.seed)


@lru_cache(maxsize=256)
def _fixed_part(model: str, params: Params, *, chat: bool, stream: bool) -> bytes:
    """The body up to the prompt, which is what the calls of a stage share."""
    body: dict[str, object] = {
        "model": model,
        "max_tokens": params.max_tokens,
        "temperature": params.temperature,
        "top_p": params.top_p,
    }
    if params.stop:
        body["stop"] = params.stop
    if params.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": params.logprobs} if chat else {"logprobs": params.logprobs}
    if params.schema is not None:
        schema = {"name": "answer", "schema": orjson.Fragment(params.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return orjson.dumps(body)[:-1] + (b',"messages":' if chat else b',"prompt":')


def _from_body(body: bytes, source: str) -> Answer:
    data = orjson.loads(body)
    choice = data["choices"][0]
    text = choice["text"] if "text" in choice else choice["message"]["content"]
    return Answer(
        _words(text),
        _words(choice.get("finish_reason")) or "unknown",
        *_usage(data.get("usage")),
        source,
        _first_token(choice.get("logprobs")),
    )


def _words(value: Any) -> str:
    """A text, or what stands for none (a call of a tool has no content). Raises TypeError for anything
    else."""
    if value is None or isinstance(value, str):
        return value or ""
    raise TypeError(f"a text was expected, not {type(value).__name__}")


def _usage(usage: Mapping[str, Any] | None) -> tuple[int, int]:
    """Prompt and completion tokens as the server counted them. Raises TypeError for what is no count."""
    if not usage:
        return 0, 0
    return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))


def _count(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise TypeError(f"a count of tokens was expected, not {value!r}")
    return value


def _from_stream(body: bytes, source: str) -> Answer:
    """Join a server-sent event stream; without `[DONE]` or a finish reason it was cut. One choice was asked
    for: of several, the first is the answer."""
    texts: list[str] = []
    usage: dict[str, int] = {}
    finish, logprobs, done = None, None, False
    for line in body.splitlines():
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            done = True
            break
        event = orjson.loads(data)
        if "error" in event:
            raise SourceError(Reason.SERVER_ERROR, f"mid-stream: {event['error']}", source=source)
        usage = event.get("usage") or usage
        for choice in event.get("choices", ()):
            if choice.get("index"):
                continue
            delta = choice.get("delta") or {}
            texts.append(_words(choice.get("text") or delta.get("content")))
            finish = choice.get("finish_reason") or finish
            logprobs = logprobs or _first_token(choice.get("logprobs"))
    if not done or finish is None:
        raise SourceError(Reason.CUT, "the stream ended before its end mark", source=source)
    return Answer("".join(texts), _words(finish), *_usage(usage), source, logprobs)


def _first_token(logprobs: Mapping[str, Any] | None) -> dict[str, float] | None:
    """Alternatives of the first generated token, in either protocol's shape. Raises ValueError for a value
    that is the logarithm of no probability."""
    if not logprobs:
        return None
    found: dict[str, float] | None = None
    if logprobs.get("content"):  # chat
        found = {top["token"]: top["logprob"] for top in logprobs["content"][0]["top_logprobs"]}
    elif logprobs.get("top_logprobs"):  # completions
        found = dict(logprobs["top_logprobs"][0] or {})
    for token, value in (found or {}).items():
        if not isinstance(token, str) or not isfinite(value) or value > ROUNDING:
            raise ValueError(f"{value!r} is no log-probability")
    return found


def _refused(reply: Reply, source: str) -> SourceError:
    wish = retry_after_seconds(reply.headers)
    message, code = _said(reply.body)
    reason = reason_of_status(reply.status, retry_after=wish is not None)
    if reason is Reason.RATE_LIMITED and code in NO_MONEY:
        reason, wish = Reason.DENIED, None
    if reason is Reason.BAD_REQUEST:
        message = with_advice(message, code)
    return SourceError(reason, f"HTTP {reply.status}: {message}", source=source, retry_after=wish)


def _said(body: bytes) -> tuple[str, str]:
    """The server's own words (OpenAI's `error.message`, else the start of the body), and its `error.code`."""
    message, code = None, ""
    try:
        error = orjson.loads(body).get("error")
        message = error.get("message") if isinstance(error, dict) else error
        code = str(error.get("code") or error.get("type")) if isinstance(error, dict) else ""
    except (orjson.JSONDecodeError, AttributeError):
        pass
    return str(message or body[:200].decode(errors="replace"))[:500], code


def retry_after_seconds(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The wait that the server asks for: `Retry-After` in seconds or as a date (RFC 9110, 10.2.3), or
    OpenAI's `retry-after-ms`; None when it states none. A date is read against the server's own `Date`
    where it gives one, so that clocks need not agree; else against `now`."""
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if isfinite(seconds):
            return max(0.0, seconds)
    until = _date(headers.get("retry-after"))
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("date")) or now or datetime.now(UTC))).total_seconds())


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date and date.tzinfo is None else date
