"""`/objects/{key}`: the embedded store's own presigned addresses. Mounted in embedded mode only."""

from __future__ import annotations

import mimetypes
import re
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import anyio.to_thread
from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException

from shared.errors import GamutError, InvalidRequest, Reason, TooLarge
from shared.store.base import check_key
from shared.store.local import LocalStore

_BUFFER = 2**20
_ALLOWED_BYTES = re.compile(r"-(\d+)$")
HEADERS = {
    # What is stored came from outside: a page among it may draw itself and nothing more.
    "Content-Security-Policy": "sandbox allow-scripts allow-popups; default-src 'none'; "
    "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; font-src data:",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "private, max-age=300",
}


class Forbidden(GamutError):
    """This address was not signed here, or is no longer good. Ask the API for a new one."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
    reason = Reason.INVALID_REQUEST


def make_router(store: LocalStore) -> APIRouter:
    router = APIRouter(prefix="/objects", include_in_schema=False)

    @router.get("/{key:path}", name="get_object")
    def get_object(key: str, expires: int, signature: str) -> Response:
        _check("GET", store, key, expires, signature)
        path = store.local_path(key)
        if path is None:
            raise HTTPException(404, "the store has no such object")
        media_type = mimetypes.guess_type(key)[0] or "application/octet-stream"
        return FileResponse(path, media_type=media_type, headers=HEADERS)

    @router.put("/{key:path}", name="put_object")
    async def put_object(key: str, expires: int, signature: str, request: Request) -> Response:
        _check("PUT", store, key, expires, signature)
        staged = store.staging_path()
        try:
            await _receive(request, staged, _allowed(key))
            await anyio.to_thread.run_sync(store.adopt, staged, key)
        finally:
            staged.unlink(missing_ok=True)
        return Response(status_code=200)

    return router


def _check(method: str, store: LocalStore, key: str, expires: int, signature: str) -> None:
    try:
        check_key(key)
    except ValueError as error:
        raise Forbidden from error
    if not store.verify(method, key, expires, signature):
        raise Forbidden


def _allowed(key: str) -> int:
    """A part's size stands at the end of its signed name."""
    found = _ALLOWED_BYTES.search(key)
    if found is None:
        raise Forbidden
    return int(found[1])


async def _receive(request: Request, staged: Path, size: int) -> None:
    """The body into a file, in memory never more than a megabyte of it."""
    with staged.open("wb") as file:
        waiting, came = bytearray(), 0
        async for chunk in request.stream():
            came += len(chunk)
            if came > size:
                raise TooLarge(f"this address takes {size} bytes, and more came")
            waiting += chunk
            if len(waiting) >= _BUFFER:
                await _write(file, waiting)
                waiting = bytearray()
        await _write(file, waiting)
    if came < size:
        raise InvalidRequest(f"this address takes {size} bytes, and {came} came; put the part again")


async def _write(file: BinaryIO, data: bytearray) -> None:
    await anyio.to_thread.run_sync(file.write, data)
