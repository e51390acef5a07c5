"""The HTTP face: OpenAI's completions, chat completions and models, and health."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError

from standin.server.answers import Answer, ChatAnswer, CompletionAnswer
from standin.server.batching import Batcher, Ticket
from standin.server.engine import Engine
from standin.server.errors import BodyTooLarge, RequestRefused, UnknownModel
from standin.server.intake import chat_sequences, completion_sequences
from standin.server.wire import ChatRequest, CompletionRequest, SamplingRequest

Body = TypeVar("Body", bound=SamplingRequest)


@dataclass(frozen=True)
class Limits:
    """Bounds of the server: sequences per batch and in the queue, bytes per request, the wait for company."""

    max_batch: int = 64
    max_waiting: int = 512
    max_body_bytes: int = 1_000_000
    gather_seconds: float = 0.004


def make_app(engine: Engine, name: str, limits: Limits) -> FastAPI:
    """The application that serves `engine` under the model name `name`."""
    batcher = Batcher(engine, limits.max_batch, limits.max_waiting, limits.gather_seconds)
    started = int(time.time())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        batcher.start()
        yield
        await batcher.close()

    app = FastAPI(title="stand-in model server", lifespan=lifespan)
    app.add_exception_handler(RequestRefused, _refusal)
    app.add_exception_handler(HTTPException, _http_error)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok"} | batcher.load()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        model = {"id": name, "object": "model", "created": started, "owned_by": "gamut", "parent": None}
        model |= {"root": engine.root, "revision": engine.revision, "max_model_len": engine.context}
        return {"object": "list", "data": [model]}

    completion = _body_of(CompletionRequest, name, limits.max_body_bytes)
    chat = _body_of(ChatRequest, name, limits.max_body_bytes)

    @app.post("/v1/completions")
    async def completions(request: Request, body: CompletionRequest = Depends(completion)) -> Response:
        rows = completion_sequences(body, engine)
        answer = CompletionAnswer(
            name, rows, body.n, engine.tokenizer, include_usage=body.stream_options.include_usage
        )
        if body.echo:
            answer.echo = [str(engine.tokenizer.decode(row.prompt_ids)) for row in rows[:: body.n]]
        return await _answer(request, body, answer, batcher, batcher.submit(rows))

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request, body: ChatRequest = Depends(chat)) -> Response:
        rows = chat_sequences(body, engine)
        answer = ChatAnswer(
            name, rows, body.n, engine.tokenizer, include_usage=body.stream_options.include_usage
        )
        return await _answer(request, body, answer, batcher, batcher.submit(rows))

    return app


def _body_of(kind: type[Body], name: str, max_bytes: int) -> Callable[[Request], Awaitable[Body]]:
    """A dependency that reads a body of bounded size, checks it and the model it asks for."""

    async def parsed(request: Request) -> Body:
        data = bytearray()
        async for piece in request.stream():
            data += piece
            if len(data) > max_bytes:
                raise BodyTooLarge(f"the request body is larger than {max_bytes} bytes")
        try:
            body = kind.model_validate_json(bytes(data))
        except ValidationError as error:
            raise _invalid(error) from error
        if body.model != name:
            raise UnknownModel(f"the model `{body.model}` is not served here; `{name}` is", "model")
        return body

    return parsed


def _invalid(error: ValidationError) -> RequestRefused:
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"]) or None
    return RequestRefused(f"{param}: {first['msg']}" if param else first["msg"], param)


async def _answer(
    request: Request, body: SamplingRequest, answer: Answer, batcher: Batcher, ticket: Ticket
) -> Response:
    if body.stream:
        return StreamingResponse(_events(answer, batcher, ticket), media_type="text/event-stream")
    await _unless_gone(request, batcher, ticket)
    return JSONResponse(answer.whole())


async def _events(answer: Answer, batcher: Batcher, ticket: Ticket) -> AsyncIterator[str]:
    try:
        for chunk in answer.opening():
            yield _event(chunk)
        async for _ in ticket.changes():
            for chunk in answer.chunks():
                yield _event(chunk)
        for chunk in answer.closing():
            yield _event(chunk)
    except RequestRefused as error:  # the status line is long gone: the refusal travels as an event
        yield _event(error.body())
    finally:
        batcher.give_up(ticket)  # no effect on finished texts; who hung up is not written for
    yield "data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> str:
    return f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n"


async def _unless_gone(request: Request, batcher: Batcher, ticket: Ticket) -> None:
    """Wait for the texts, but stop writing them when the client hangs up."""
    gone = asyncio.ensure_future(_hang_up(request))
    done = asyncio.ensure_future(ticket.finished())
    try:
        await asyncio.wait({gone, done}, return_when=asyncio.FIRST_COMPLETED)
        if not done.done():
            batcher.give_up(ticket)
        await done
    finally:
        gone.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refusal(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestRefused)
    return JSONResponse(error.body(), error.status, headers=error.headers)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    body = {
        "error": {"message": str(error.detail), "type": "invalid_request_error", "param": None, "code": None}
    }
    return JSONResponse(body, error.status_code, headers=error.headers)
