"""The connection pool against servers that misbehave on the wire, byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from services.generator.sources.connecting import open_transport
from services.generator.sources.errors import Cause, SourceError
from services.generator.sources.httpx_transport import HttpxTransport
from services.generator.sources.pool import Pool
from services.generator.sources.transport import Transport

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Reads one whole request at a time and lets the test say what comes back."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.replies: list[bytes | None] = []
        self.asked = asyncio.Event()
        self.url = ""

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            length = next(
                (int(v) for k, _, v in map(partition, head.split(b"\r\n")) if k == b"content-length"), 0
            )
            self.requests.append(head + await reader.readexactly(length))
            self.asked.set()
            reply = self.replies.pop(0) if self.replies else OK
            if reply is None:
                await asyncio.sleep(60)
                continue
            writer.write(reply)
            if reply is not OK and (b"Content-Length: 99" in reply or b"close" in reply or not reply):
                break
        writer.close()


def partition(line: bytes) -> tuple[bytes, bytes, bytes]:
    name, mark, value = line.partition(b":")
    return name.strip().lower(), mark, value.strip()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    listening = await asyncio.start_server(served.talk, "127.0.0.1", 0)
    served.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield served
    listening.close()


@pytest.fixture(params=[Pool, HttpxTransport], ids=["pool", "httpx"])
async def transport(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Transport]:
    """Both ways of getting HTTP keep one contract."""
    made: Transport = request.param(server.url, {"authorization": "Bearer k"}, timeout=0.6)
    yield made
    await made.close()


async def refused(transport: Transport) -> Cause:
    with pytest.raises(SourceError) as raised:
        await transport.post("/v1/completions", b"{}")
    return raised.value.reason


async def test_a_request_is_whole(transport: Transport, server: Server) -> None:
    reply = await transport.post("/v1/completions", b'{"prompt": "caf\xc3\xa9"}')
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"{}", "application/json")
    [request] = server.requests
    assert request.startswith(b"POST /v1/completions HTTP/1.1\r\n")
    assert b"authorization: bearer k" in request.lower()
    assert b"content-type: application/json" in request.lower()
    assert request.endswith(b'\r\n\r\n{"prompt": "caf\xc3\xa9"}')


async def test_connections_are_kept(transport: Transport, server: Server) -> None:
    for _ in range(5):
        await transport.post("/v1/completions", b"{}")
    assert (await transport.get("/v1/models")).status == 200
    assert server.connections == 1


async def test_requests_at_once_have_connections_of_their_own(transport: Transport, server: Server) -> None:
    await asyncio.gather(*(transport.post("/v1/completions", b"{}") for _ in range(8)))
    assert len(server.requests) == 8
    assert server.connections <= 8


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf an ans",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n",
        b"",
    ],
    ids=["short body", "missing last chunk", "nothing at all"],
)
async def test_a_cut_answer_is_a_cut(transport: Transport, server: Server, reply: bytes) -> None:
    server.replies = [reply]
    assert await refused(transport) is Cause.CUT
    assert (await transport.post("/v1/completions", b"{}")).status == 200, "and the next one is not affected"


async def test_a_silent_server_runs_out_of_time(transport: Transport, server: Server) -> None:
    server.replies = [None]
    assert await refused(transport) is Cause.TIMEOUT
    assert (await transport.post("/v1/completions", b"{}")).status == 200


async def test_chunks_are_joined(transport: Transport, server: Server) -> None:
    server.replies = [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"]
    assert (await transport.post("/x", b"{}")).body == b"{}"
    await transport.post("/x", b"{}")
    assert server.connections == 1


async def test_an_answer_may_end_with_the_connection(transport: Transport, server: Server) -> None:
    server.replies = [b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n{}"]
    assert (await transport.post("/x", b"{}")).body == b"{}"
    assert (await transport.post("/x", b"{}")).status == 200


async def test_what_is_not_http_is_an_error_of_the_server(server: Server) -> None:
    pool = Pool(server.url, {}, timeout=1)
    server.replies = [b"SSH-2.0-OpenSSH_9.2\r\n\r\nclose"]
    assert await refused(pool) is Cause.SERVER_ERROR
    await pool.close()


@pytest.mark.parametrize("kind", [Pool, HttpxTransport])
@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
async def test_nobody_there_is_dead(kind: type[Pool] | type[HttpxTransport], url: str) -> None:
    made = kind(url, {}, timeout=5)
    assert await refused(made) is Cause.DEAD
    await made.close()


async def test_a_cancelled_request_does_not_spoil_the_next(server: Server) -> None:
    pool = Pool(server.url, {}, timeout=5)
    server.replies = [None]
    task = asyncio.create_task(pool.post("/slow", b"{}"))
    await server.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await pool.post("/x", b"{}")).body == b"{}"
    assert server.connections == 2
    await pool.close()


@pytest.mark.parametrize("url", ["ftp://host/v1", "http://", "nonsense"])
def test_an_address_must_be_one(url: str) -> None:
    with pytest.raises(ValueError, match="not an http"):
        Pool(url, {}, timeout=1)


async def test_a_proxy_in_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://proxy.test:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for url, kind in [("http://model.test/v1", HttpxTransport), ("http://127.0.0.1:8000/v1", Pool)]:
        made = open_transport(url, {}, timeout=1)
        assert isinstance(made, kind)
        await made.close()


@pytest.mark.parametrize("kind", [Pool, HttpxTransport])
@pytest.mark.parametrize("module", ["pool", "httpx_transport"])
async def test_an_answer_that_does_not_end_is_given_up(
    kind: type[Pool] | type[HttpxTransport], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In size and in time: a server that sends a byte now and then for ever keeps no call waiting."""
    monkeypatch.setattr(f"services.generator.sources.{module}.LONGEST_ANSWER", 3)
    monkeypatch.setattr(f"services.generator.sources.{module}.MAX_ANSWER_BYTES", 10_000)
    if kind.__module__.rpartition(".")[2] != module:
        pytest.skip("the other transport's limits")
    flood = asyncio.Event()

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"x" * (4_000 if flood.is_set() else 1))
            try:
                await writer.drain()
            except ConnectionError:
                return
            await asyncio.sleep(0.05)

    listening = await asyncio.start_server(endless, "127.0.0.1", 0)
    made = kind(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}", {}, timeout=0.3)
    assert await refused(made) is Cause.TIMEOUT
    flood.set()
    assert await refused(made) is Cause.SERVER_ERROR
    await made.close()
    listening.close()


async def test_endless_headers_are_too_large(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.generator.sources.pool.MAX_ANSWER_BYTES", 10_000)
    pool = Pool(server.url, {}, timeout=5)
    server.replies = [b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 10_000 + b"\r\n"]
    assert await refused(pool) is Cause.SERVER_ERROR
    await pool.close()


async def test_what_comes_after_an_answer_is_not_the_next_one(server: Server) -> None:
    pool = Pool(server.url, {}, timeout=5)
    server.replies = [OK + b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", OK]
    assert (await pool.post("/x", b"{}")).body == b"{}"
    assert (await pool.post("/x", b"{}")).body == b"{}"
    assert server.connections == 2
    await pool.close()
