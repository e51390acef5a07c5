"""The suite's HTTP library as a transport: for servers behind a proxy, and the yardstick of the pool's
tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urljoin

import httpx

from services.generator.sources.errors import Cause, SourceError
from services.generator.sources.transport import LONGEST_ANSWER, MAX_ANSWER_BYTES, Reply


class HttpxTransport:
    def __init__(self, url: str, headers: Mapping[str, str], *, timeout: float) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=256)
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            base_url=urljoin(url, "/"),
            headers={**headers, "content-type": "application/json"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 10.0)),
            limits=limits,
        )

    async def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        return await self._send("POST", path, body, headers)

    async def get(self, path: str) -> Reply:
        return await self._send("GET", path, None, None)

    async def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str] | None
    ) -> Reply:
        try:
            async with (
                asyncio.timeout(LONGEST_ANSWER * self._timeout),
                self._client.stream(method, path, content=body, headers=headers) as response,
            ):
                return await _whole(response)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise SourceError(Cause.DEAD, f"cannot connect: {error}") from error
        except (httpx.TimeoutException, TimeoutError) as error:
            raise SourceError(Cause.TIMEOUT, f"no answer in time: {error}") from error
        except httpx.HTTPError as error:
            raise SourceError(Cause.CUT, f"the connection broke: {error}") from error

    async def close(self) -> None:
        await self._client.aclose()


async def _whole(response: httpx.Response) -> Reply:
    """Raises `SourceError` for an answer that does not end (unpacked, where it is packed)."""
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.aiter_bytes():
        chunks.append(chunk)
        size += len(chunk)
        if size > MAX_ANSWER_BYTES:
            raise SourceError(Cause.SERVER_ERROR, f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    headers = {name.lower(): value for name, value in response.headers.items()}
    headers.pop("content-encoding", None)  # httpx has unpacked it
    return Reply(response.status_code, headers, b"".join(chunks))
