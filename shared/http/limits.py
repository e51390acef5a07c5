"""Refuses bodies that are too large before they are in memory."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.problems import Problem


class BodyLimit:
    """ASGI middleware: counts the body as it arrives; `Content-Length` is believed only when it is too large.

    `wider` are paths with a limit of their own. Paths below `/objects/` (the embedded store's own uploads)
    stream to disk and have no limit here.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_bytes: int,
        unlimited: str = "/objects/",
        wider: Mapping[str, int] | None = None,
    ) -> None:
        self._app = app
        self._max = max_bytes
        self._wider = dict(wider or {})
        self._unlimited = unlimited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self._unlimited):
            await self._app(scope, receive, send)
            return
        most = self._wider.get(scope["path"], self._max)
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > most:
            await self._refuse(send, most)
            return
        body = await self._read(receive, most)
        if body is None:
            await self._refuse(send, most)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive, most: int) -> list[Message] | None:
        messages, size = [], 0
        while True:
            message = await receive()
            messages.append(message)
            size += len(message.get("body", b""))
            if size > most:
                return None
            if message["type"] != "http.request" or not message.get("more_body"):
                return messages

    async def _refuse(self, send: Send, most: int) -> None:
        problem = Problem(
            type="urn:gamut:problem:too_large",
            title="Content Too Large",
            status=413,
            detail=f"The body is larger than {most} bytes. Upload rows as a dataset instead.",
            code="too_large",
        )
        headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send(
            {"type": "http.response.body", "body": problem.model_dump_json(exclude_none=True).encode()}
        )


def _replay(messages: list[Message], receive: Receive) -> Receive:
    waiting = list(messages)

    async def replay() -> Message:
        return waiting.pop(0) if waiting else await receive()

    return replay
