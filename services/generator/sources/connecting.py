"""The choice between the two ways of reaching a server.

`Pool` (ours, on asyncio and llhttp) is the hot path: a request costs it an eighth of httpx's instructions
(`benchmarks/generator`). `HttpxTransport` serves what the pool does not do: proxies from the environment.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit

from services.generator.sources.httpx_transport import HttpxTransport
from services.generator.sources.pool import Pool
from services.generator.sources.transport import Transport


def open_transport(url: str, headers: Mapping[str, str], *, timeout: float) -> Transport:
    """The pool, unless the environment names a proxy for this address."""
    parts = urlsplit(url)
    proxied = parts.scheme in urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.netloc)
    if proxied:
        return HttpxTransport(url, headers, timeout=timeout)
    return Pool(url, headers, timeout=timeout)
