"""A keep-alive connection pool for one server: asyncio's protocol layer and llhttp (`httptools`), no more.

Why our own: at 512 answers in flight the client's cost per request is what bounds the rate. httpx spends
about 3.1M instructions on a request, aiohttp 0.38M; the budget for *everything* the generator does for a
request is 0.38M. What a model server needs of HTTP is small: POST a JSON body, read a whole answer, keep the
connection. Redirects, cookies, compression and proxies are not among it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

import httptools

from services.generator.sources.errors import Cause, SourceError
from services.generator.sources.transport import LONGEST_ANSWER, MAX_ANSWER_BYTES, Reply

CONNECT_SECONDS = 10.0
SWEEP_SECONDS = 0.25


class _Connection(asyncio.Protocol):
    """One connection: at most one request at a time, whose whole answer resolves a future."""

    def __init__(self) -> None:
        self.closed = False
        self.deadline = 0.0
        self.patience = 0.0
        self.end = 0.0
        self._answer: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)  # for one answer after the other

    def send(self, request: bytes, answer: asyncio.Future[Reply]) -> None:
        self._answer = answer
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._size = 0
        self._keep = True
        self._transport.write(request)

    # httptools' callbacks
    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower().decode("latin-1")] = value.decode("latin-1")

    def on_message_begin(self) -> None:
        if self._answer is None:  # more than was asked for: what follows it would be taken for another answer
            self.close()

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() >= 200:
            self._keep = self._parser.should_keep_alive()
            self._resolve()

    # asyncio's callbacks
    def data_received(self, data: bytes) -> None:
        if self._answer is None:  # nothing was asked: the connection is of no use any more
            self._transport.close()
            return
        self.deadline = min(self._loop.time() + self.patience, self.end)
        self._size += len(data)
        if self._size > MAX_ANSWER_BYTES:
            self.fail(Cause.SERVER_ERROR, f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(Cause.SERVER_ERROR, f"not an HTTP answer: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if self._answer is None:
            return
        if self._ends_with_connection():
            self._resolve()
        else:
            self.fail(Cause.CUT, "the connection closed before the answer was whole")

    def _ends_with_connection(self) -> bool:
        """An HTTP/1.0 style answer: neither length nor chunks, whole when the server closes."""
        headers = self._headers
        return bool(headers) and "content-length" not in headers and "transfer-encoding" not in headers

    def _resolve(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(Reply(self._parser.get_status_code(), self._headers, b"".join(self._chunks)))
        if not self._keep:
            self.close()

    def fail(self, reason: Cause, detail: str) -> None:
        answer, self._answer = self._answer, None
        self.close()
        if answer is not None and not answer.done():
            answer.set_exception(SourceError(reason, detail))

    @property
    def reusable(self) -> bool:
        return not self.closed and self._answer is None

    def close(self) -> None:
        self.closed = True
        self._transport.close()


class Pool:
    """Connections to one origin (scheme, host and port of `url`; paths come with each request).

    `timeout` is the longest silence, in seconds: a streamed answer that keeps coming does not run out of
    time, unless it never ends (`LONGEST_ANSWER`).
    """

    def __init__(self, url: str, headers: Mapping[str, str], *, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http(s) address")
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._host = parts.hostname
        self._port = parts.port or (443 if self._tls else 80)
        lines = {
            "host": parts.netloc.rpartition("@")[2],
            "user-agent": "gamut",
            "accept-encoding": "identity",
            **headers,
        }
        self._head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._prefix: dict[str, bytes] = {}
        self._timeout = timeout
        self._idle: list[_Connection] = []
        self._busy: set[_Connection] = set()
        self._sweeper: asyncio.Task[None] | None = None

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Coroutine[Any, Any, Reply]:
        prefix = self._prefix.get(path)
        if prefix is None:
            prefix = self._prefix[path] = (
                f"POST {path} HTTP/1.1\r\n{self._head}content-type: application/json\r\ncontent-length: "
            ).encode("latin-1")
        if headers:
            more = "".join(f"\r\n{name}: {value}" for name, value in headers.items()).encode("latin-1")
            return self._send(b"%b%d%b\r\n\r\n%b" % (prefix, len(body), more, body))
        return self._send(b"%b%d\r\n\r\n%b" % (prefix, len(body), body))

    async def get(self, path: str) -> Reply:
        return await self._send(f"GET {path} HTTP/1.1\r\n{self._head}\r\n".encode("latin-1"))

    async def _send(self, request: bytes) -> Reply:
        loop = asyncio.get_running_loop()
        connection = self._take() or await self._connect(loop)
        connection.patience = self._timeout
        now = loop.time()
        connection.deadline, connection.end = now + self._timeout, now + LONGEST_ANSWER * self._timeout
        if self._sweeper is None:
            self._sweeper = loop.create_task(self._sweep())
        answer: asyncio.Future[Reply] = loop.create_future()
        self._busy.add(connection)
        try:
            connection.send(request, answer)
            return await answer
        finally:
            self._busy.discard(connection)
            if connection.reusable:
                self._idle.append(connection)
            else:
                connection.close()  # cancelled, or broken: its answer would be taken for the next one's

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.closed:
                return connection
        return None

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> _Connection:
        try:
            async with asyncio.timeout(min(CONNECT_SECONDS, self._timeout)):
                _, connection = await loop.create_connection(
                    _Connection, self._host, self._port, ssl=self._tls
                )
        except (OSError, TimeoutError) as error:
            detail = f"cannot connect to {self._host}:{self._port}: {error or 'no answer'}"
            raise SourceError(Cause.DEAD, detail) from error
        return connection

    async def _sweep(self) -> None:
        """One timer for all requests: cheaper than one each."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = loop.time()
            for connection in [c for c in self._busy if c.deadline < now]:
                late = connection.end < now
                taken = LONGEST_ANSWER * self._timeout if late else self._timeout
                why = f"not whole after {taken:g} s" if late else f"not a byte for {taken:g} s"
                connection.fail(Cause.TIMEOUT, why)

    async def close(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in [*self._idle, *self._busy]:
            connection.close()
        self._idle.clear()
