"""The HTTP face: OpenAI's completions, chat completions and models, vLLM's adapters, and health."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import HTTPException
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse
from pydantic import BaseModel, ValidationError

from standin.server.answers import Answer, ChatAnswer, CompletionAnswer
from standin.server.batching import Batcher, Ticket
from standin.server.engine import Engine
from standin.server.errors import BodyTooLarge, RequestRefused
from standin.server.intake import chat_sequences, completion_sequences
from standin.server.serving import Limits, Serving
from standin.server.wire import AdapterRequest, ChatRequest, CompletionRequest, SamplingRequest

Body = TypeVar("Body", bound=BaseModel)


def make_app(engine: Engine, name: str, limits: Limits) -> FastAPI:
    """The application that serves `engine` under the model name `name`."""
    serving = Serving(engine, name, limits)
    started = int(time.time())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        serving.start()
        yield
        await serving.close()

    app = FastAPI(title="stand-in model server", lifespan=lifespan)
    app.add_exception_handler(RequestRefused, _refusal)
    app.add_exception_handler(HTTPException, _http_error)

    @app.get("/health")
    async def health() -> dict[str, Any]:
        return {"status": "ok"} | serving.of(name).batcher.load()

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        listed = [
            {
                "id": model, "object": "model", "created": started, "owned_by": "gamut",
                "parent": None if model == name else name, "root": served.engine.root,
                "revision": served.engine.revision, "max_model_len": served.engine.context,
            }
            for model, served in serving.models.items()
        ]  # fmt: skip
        return {"object": "list", "data": listed}

    completion = _body_of(CompletionRequest, limits.max_body_bytes)
    chat = _body_of(ChatRequest, limits.max_body_bytes)
    adapter = _body_of(AdapterRequest, limits.max_body_bytes)

    @app.post("/v1/load_lora_adapter")
    async def load_lora_adapter(body: AdapterRequest = Depends(adapter)) -> Response:
        await serving.load(body.lora_name, body.lora_path)
        return PlainTextResponse(f"Success: LoRA adapter '{body.lora_name}' added successfully.")

    @app.post("/v1/unload_lora_adapter")
    async def unload_lora_adapter(body: AdapterRequest = Depends(adapter)) -> Response:
        await serving.unload(body.lora_name)
        return PlainTextResponse(f"Success: LoRA adapter '{body.lora_name}' removed successfully.")

    @app.post("/v1/completions")
    async def completions(request: Request, body: CompletionRequest = Depends(completion)) -> Response:
        served = serving.of(body.model)
        tokenizer = served.engine.tokenizer
        rows = completion_sequences(body, served.engine)
        usage = body.stream_options.include_usage
        answer = CompletionAnswer(body.model, rows, body.n, tokenizer, include_usage=usage)
        if body.echo:
            answer.echo = [str(tokenizer.decode(row.prompt_ids)) for row in rows[:: body.n]]
        return await _answer(request, body, answer, served.batcher, served.batcher.submit(rows))

    @app.post("/v1/chat/completions")
    async def chat_completions(request: Request, body: ChatRequest = Depends(chat)) -> Response:
        served = serving.of(body.model)
        rows = chat_sequences(body, served.engine)
        usage = body.stream_options.include_usage
        answer = ChatAnswer(body.model, rows, body.n, served.engine.tokenizer, include_usage=usage)
        return await _answer(request, body, answer, served.batcher, served.batcher.submit(rows))

    return app


def _body_of(kind: type[Body], max_bytes: int) -> Callable[[Request], Awaitable[Body]]:
    """A dependency that reads a body of bounded size and checks it."""

    async def parsed(request: Request) -> Body:
        data = bytearray()
        async for piece in request.stream():
            data += piece
            if len(data) > max_bytes:
                raise BodyTooLarge(f"the request body is larger than {max_bytes} bytes")
        try:
            return kind.model_validate_json(bytes(data))
        except ValidationError as error:
            raise _invalid(error) from error

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
