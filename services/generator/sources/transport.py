"""What a source client needs of HTTP, and the choice between the two ways of getting it.

`Pool` (ours, on asyncio and llhttp) is the hot path: a request costs it an eighth of httpx's instructions
(`benchmarks/generator`). `HttpxTransport` serves what the pool does not do: proxies from the environment.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

MAX_ANSWER_BYTES = 64 << 20
"""Head and body: a hundred times the longest answer with its log-probabilities."""
LONGEST_ANSWER = 24
"""An answer may take this many times the longest silence (2 hours at 300 s), however it trickles in."""


@dataclass(slots=True)
class Reply:
    """A whole HTTP response; header names are lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class Transport(Protocol):
    """One server; `path` is from its root. Failures are `SourceError` with `dead`, `timeout` or `cut`."""

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> Coroutine[Any, Any, Reply]: ...

    async def get(self, path: str) -> Reply: ...

    async def close(self) -> None: ...


def open_transport(url: str, headers: Mapping[str, str], *, timeout: float) -> Transport:
    """The pool, unless the environment names a proxy for this address."""
    parts = urlsplit(url)
    proxied = parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.netloc)
    if proxied:
        from services.generator.sources.httpx_transport import HttpxTransport

        return HttpxTransport(url, headers, timeout=timeout)
    from services.generator.sources.pool import Pool

    return Pool(url, headers, timeout=timeout)
