"""A relay between the generator and its source that counts what is paid for: every answer that a source gives
is paid, whether or not whoever asked is still there to hear it."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256

import aiohttp
from aiohttp import web

PASSED_ON = ("Content-Type", "Authorization", "Accept")


class Payments:
    """`source` is where it passes requests on to; it may be told late, and may die and come back."""

    def __init__(self, source: str = "") -> None:
        self.source = source
        self.answers: Counter[str] = Counter()
        """By the digest of what was asked, how often it was answered."""

    @property
    def paid(self) -> int:
        return self.answers.total()

    @property
    def again(self) -> int:
        """Of those, answers to what had been answered before."""
        return self.paid - len(self.answers)

    def app(self) -> web.Application:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._relay)
        return app

    async def _relay(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        try:
            async with (
                aiohttp.ClientSession() as client,
                client.request(
                    request.method, self.source + request.path_qs, data=body, headers=headers
                ) as found,
            ):
                answer = await found.read()
        except aiohttp.ClientError:  # as the caller would have seen it: nobody there
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPBadGateway from None
        if request.method == "POST" and found.status == web.HTTPOk.status_code:
            self.answers[sha256(body).hexdigest()] += 1
        kind = {"Content-Type": found.headers.get("Content-Type", "application/json")}
        return web.Response(status=found.status, body=answer, headers=kind)
