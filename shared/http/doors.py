"""What every answer of every API says to browsers, and whom no API answers.

A page of another site may let its own name point at this machine (DNS rebinding): its requests then carry its
own name as the host, and are refused. Nothing an API answers is kept by a browser's cache, taken for another
type than it says, or run, except where a route says what may be.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.contracts.problems import Problem

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}
"""Of an answer that says nothing else of them."""
ANY = "*"


class DoorSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="GAMUT_", frozen=True, extra="ignore")

    allowed_hosts: tuple[str, ...] = (ANY,)
    """Names that callers may reach the API by; the embedded suite allows this machine's own."""
    metrics_key: SecretStr | None = None
    """Asked for as a bearer token of `/metrics`; unset: whoever reaches the port may read it."""


class Doors:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, settings: DoorSettings) -> None:
        self._app = app
        self._hosts = settings.allowed_hosts
        self._key = settings.metrics_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if not is_ours(headers.get("host", ""), self._hosts):
            await _refuse(closed, 421, "misdirected", _STRANGE_HOST)
        elif scope["path"] == "/metrics" and self._key and not _opens(headers, self._key):
            await _refuse(closed, 401, "unauthorized", _NO_KEY)
        else:
            await self._app(scope, receive, closed)


_NO_KEY = "`/metrics` asks for GAMUT_METRICS_KEY as a bearer token."
_STRANGE_HOST = (
    "This address is not one that this API is reached by. Use one of GAMUT_ALLOWED_HOSTS, or add this one "
    "there."
)


def is_ours(host: str, allowed: Sequence[str]) -> bool:
    """Whether a `Host` header names one of the hosts, whatever its port."""
    name = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return ANY in allowed or name.lower() in allowed


def _opens(headers: Headers, key: SecretStr) -> bool:
    told = headers.get("authorization", "").encode()
    return hmac.compare_digest(told, f"Bearer {key.get_secret_value()}".encode())


async def _refuse(send: Send, status: int, code: str, detail: str) -> None:
    title = {421: "Misdirected Request", 401: "Unauthorized"}[status]
    problem = Problem(type=f"urn:gamut:problem:{code}", title=title, status=status, detail=detail, code=code)
    headers = [(b"content-type", b"application/problem+json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": problem.model_dump_json(exclude_none=True).encode()})
