"""The OpenAI protocol as servers speak it (vLLM first): request bodies out, answers and errors in.

Completions and chat, whole or streamed, with first-token log-probabilities and structured output
(`response_format: json_schema`, which vLLM and OpenAI share). A streamed answer is collected, not forwarded;
streaming is for servers or proxies that drop silent connections, and a stream without its end is a cut.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal

import orjson
from opentelemetry.trace import SpanKind

from services.generator.calls.call import Answer, Call, Message, Params
from services.generator.sources.envelope import MALFORMED, ErrorInside, from_body, from_stream
from services.generator.sources.errors import (
    TOO_LONG,
    Cause,
    SourceError,
    reason_of_status,
    with_advice,
)
from services.generator.sources.fitting import Fit, Form, learnt
from services.generator.sources.gauges import SourceQueue, read_queue
from services.generator.sources.packed import unpacked
from services.generator.sources.transport import Reply, Transport
from services.generator.sources.waits import LIMITED, asked_wait
from shared import tracing

Api = Literal["completions", "chat"]
NO_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
"""OpenAI's codes for a 429 that waiting does not cure."""
PATHS: dict[str, str] = {"completions": "/completions", "chat": "/chat/completions"}
AS_IT_IS = Fit()
FITTINGS = 8
"""Times that one call may be fitted to its server and sent again."""
UNFIT_STATUSES = frozenset({400, 422})
LIMITED_STATUSES = frozenset({429, 503})


class Client:
    """One source: `ask` a call, list its `models`, read its `queue`. Raises `SourceError` only.

    `root` is the path of the API on its server; `stream` asks for streamed answers. `fit` says how bodies are
    fitted to the server; refusals that name a parameter teach it more (`fitting`), and the call goes out
    again. `key` is what the server is sent to let us in: where it says that back, `[key]` is read: it is in
    no row, no error and no log.
    """

    def __init__(
        self,
        name: str,
        transport: Transport,
        *,
        root: str = "/v1",
        stream: bool = False,
        key: str = "",
        fit: Fit = AS_IT_IS,
    ) -> None:
        self.name = name
        self.fit = fit
        self._key = key.encode()
        self.stream = stream
        self._transport = transport
        self._root = root.rstrip("/")
        self._paths = {api: self._root + path for api, path in PATHS.items()}
        self._may_fold = True

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
        for _ in range(FITTINGS):
            fit = self.fit
            reply = await self._post(call, fit, headers)
            if reply.status == 200:
                self._may_fold = False
                return self._answer(reply, call, fit)
            if reply.status in UNFIT_STATUSES and self._learns(call, fit, reply):
                continue
            if reply.status == 500 and self._may_fold and not fit.fold and _system(call):
                return await self._folded(call, fit, reply, headers)
            break
        raise _refused(reply, self.name)

    async def _post(self, call: Call, fit: Fit, headers: Mapping[str, str] | None) -> Reply:
        api = "completions" if isinstance(call.prompt, str) else "chat"
        body = request_body(call, stream=self.stream, fit=fit)
        try:
            return self._heard(unpacked(await self._transport.post(self._paths[api], body, headers)))
        except SourceError as error:
            error.source = self.name
            raise

    def _answer(self, reply: Reply, call: Call, fit: Fit) -> Answer:
        streamed = reply.headers.get("content-type", "").startswith("text/event-stream")
        try:
            read = from_stream if streamed else from_body
            answer = read(reply.body, self.name, wants_logprobs=call.params.logprobs is not None)
        except ErrorInside as error:
            raise self._told(error, reply) from error
        except MALFORMED as error:
            detail = f"the answer is not what the protocol says ({error!r}): {reply.body[:200]!r}"
            raise SourceError(Cause.SERVER_ERROR, detail, source=self.name) from error
        if "stop" in fit.omit:
            for stop in call.params.stop:
                answer.text = answer.text.partition(stop)[0]
        return answer

    def _told(self, error: ErrorInside, reply: Reply) -> SourceError:
        code = error.error.get("code")
        if isinstance(code, int) and 400 <= code < 600:
            return _refused(Reply(code, reply.headers, reply.body), self.name)
        return SourceError(Cause.SERVER_ERROR, f"an error in the answer: {error}"[:500], source=self.name)

    def _learns(self, call: Call, fit: Fit, reply: Reply) -> bool:
        """Whether the call is worth another try with what this refusal, or another meanwhile, has taught."""
        if self.fit != fit:
            return True
        words = f"{_said(reply.body)[0]} {reply.body[:2000].decode(errors='replace')}"
        if TOO_LONG.search(words):
            return False
        sent = orjson.loads(request_body(call, stream=self.stream, fit=fit))
        taught = learnt(fit, sent, system=_system(call), words=words, parameter=_parameter(reply.body))
        if taught is None:
            return False
        self.fit = taught
        return True

    async def _folded(self, call: Call, fit: Fit, failed: Reply, headers: Mapping[str, str] | None) -> Answer:
        """Some servers fail, without a word, on a system turn: one that has answered nothing yet is tried
        once without."""
        self._may_fold = False
        folded = replace(fit, fold=True)
        reply = await self._post(call, folded, headers)
        if reply.status != 200:
            raise _refused(failed, self.name)
        self.fit = folded
        return self._answer(reply, call, folded)

    async def models(self) -> list[str]:
        """The names the server answers to (`GET /models`), the cheapest sign of life; none when it keeps no
        list."""
        reply = self._heard(unpacked(await self._transport.get(f"{self._root}/models")))
        if reply.status in (404, 405):
            return []
        if reply.status != 200:
            raise _refused(reply, self.name)
        try:
            return [str(model["id"]) for model in orjson.loads(reply.body)["data"]]
        except (KeyError, TypeError, orjson.JSONDecodeError) as error:
            raise SourceError(Cause.SERVER_ERROR, f"GET /models: {error!r}", source=self.name) from error

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


def request_body(call: Call, *, stream: bool = False, fit: Fit = AS_IT_IS) -> bytes:
    """The JSON body of a call, fitted to its server."""
    if isinstance(call.prompt, str):
        head, tail = _fixed_parts(call.model.name, call.params, fit, chat=False, stream=stream)
        prompt = orjson.dumps(call.prompt)
    else:
        head, tail = _fixed_parts(call.model.name, call.params, fit, chat=True, stream=stream)
        turns = _folded(call.prompt) if fit.fold else call.prompt
        prompt = orjson.dumps([{"role": m.role, "content": m.content} for m in turns])
    return b"%b%b%b" % (head, prompt, tail % call.seed if tail else b"}")


@lru_cache(maxsize=256)
def _fixed_parts(model: str, params: Params, fit: Fit, *, chat: bool, stream: bool) -> tuple[bytes, bytes]:
    """The body up to the prompt, which is what the calls of a stage share; and what follows it."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": params.max_tokens,
        "temperature": params.temperature,
        "top_p": params.top_p,
    }
    if params.extra:
        body |= orjson.loads(params.extra)
    if params.stop:
        body["stop"] = params.stop
    if params.logprobs is not None:
        body |= {"logprobs": True, "top_logprobs": params.logprobs} if chat else {"logprobs": params.logprobs}
    if params.schema is not None and fit.form is Form.JSON_SCHEMA:
        schema = {"name": "answer", "schema": orjson.Fragment(params.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif params.schema is not None and fit.form is Form.JSON_OBJECT:
        body["response_format"] = {"type": "json_object"}
    if stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    seed = dict(fit.rename).get("seed", "seed")
    head = orjson.dumps(fit.applied(body))[:-1] + (b',"messages":' if chat else b',"prompt":')
    return head, b"" if "seed" in fit.omit else b',"%b":%%d}' % seed.encode()


def _system(call: Call) -> bool:
    return not isinstance(call.prompt, str) and call.prompt[0].role == "system"


def _folded(turns: Sequence[Message]) -> Sequence[Message]:
    """The system turn at the head of the first user's."""
    if len(turns) < 2 or turns[0].role != "system":
        return turns
    system, first, *rest = turns
    return [Message(first.role, f"{system.content}\n\n{first.content}"), *rest]


def _refused(reply: Reply, source: str) -> SourceError:
    message, code = _said(reply.body)
    words = reply.body[:4000].decode(errors="replace")
    wish = asked_wait(reply.headers, words) if reply.status in LIMITED_STATUSES else None
    reason = reason_of_status(reply.status, retry_after=wish is not None)
    if reply.status in (400, 403) and LIMITED.search(f"{message} {code}"):
        reason, wish = Cause.RATE_LIMITED, asked_wait(reply.headers, words)
    if reason is Cause.RATE_LIMITED and code in NO_MONEY:
        reason, wish = Cause.DENIED, None
    if reason is Cause.BAD_REQUEST:
        message = with_advice(message, code)
    return SourceError(reason, f"HTTP {reply.status}: {message}", source=source, retry_after=wish)


def _said(body: bytes) -> tuple[str, str]:
    """The server's own words (OpenAI's `error.message`, else the start of the body), and its `error.code`."""
    error = _error(body)
    message = error.get("message") if isinstance(error, dict) else error
    code = str(error.get("code") or error.get("type")) if isinstance(error, dict) else ""
    return str(message or body[:200].decode(errors="replace"))[:500], code


def _parameter(body: bytes) -> str | None:
    error = _error(body)
    name = error.get("param") if isinstance(error, dict) else None
    return name if isinstance(name, str) else None


def _error(body: bytes) -> Any:
    try:
        data = orjson.loads(body)
        return data.get("error") or data
    except (orjson.JSONDecodeError, AttributeError):
        return None
