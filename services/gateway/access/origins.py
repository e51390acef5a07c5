"""Keeps other sites' pages from acting in the name of whoever looks at them in the same browser."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.contracts.problems import Problem

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OURS = frozenset({b"same-origin", b"none"})
PROBLEM = Problem(
    type="urn:gamut:problem:forbidden",
    title="Forbidden",
    status=403,
    detail="Another site's page sent this request. Send it from a program, or from the gateway's own page.",
    code="forbidden",
)


class SameOrigin:
    """ASGI middleware. Browsers tell with `Sec-Fetch-Site` where a request comes from; programs do not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in _SAFE:
            site = dict(scope["headers"]).get(b"sec-fetch-site", b"none")
            if site not in _OURS:
                headers = [(b"content-type", b"application/problem+json")]
                await send({"type": "http.response.start", "status": PROBLEM.status, "headers": headers})
                await send({"type": "http.response.body", "body": PROBLEM.model_dump_json().encode()})
                return
        await self._app(scope, receive, send)
