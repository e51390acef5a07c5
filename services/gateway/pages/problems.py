"""What went wrong, as a page for a person at a browser; everybody else gets problem+json as it is."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response

from services.gateway.pages.rendering import Pages

_FOR_PROGRAMS = ("/v1/", "/static/", "/objects/")


def tell_people(api: FastAPI, pages: Pages) -> None:
    """Put a page in place of every exception handler's answer where a browser asked for one."""
    for error, handler in list(api.exception_handlers.items()):
        api.add_exception_handler(error, _for_people(handler, pages))


def _for_people(handler: Callable[[Request, Any], Any], pages: Pages) -> Callable[[Request, Any], Any]:
    async def told(request: Request, error: Exception) -> Response:
        answer: Any = handler(request, error)
        if inspect.isawaitable(answer):
            answer = await answer
        if not _is_a_page(request) or "json" not in str(answer.headers.get("content-type")):
            found: Response = answer
            return found
        return pages.render("problem.html", answer.status_code, problem=json.loads(answer.body))

    return told


def _is_a_page(request: Request) -> bool:
    wanted = request.headers.get("accept", "")
    return (
        request.method == "GET" and "text/html" in wanted and not request.url.path.startswith(_FOR_PROGRAMS)
    )
