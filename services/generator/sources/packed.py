"""Answers that a server or a proxy packs although it was asked not to (`accept-encoding: identity`)."""

from __future__ import annotations

import zlib

from services.generator.sources.errors import Cause, SourceError
from services.generator.sources.transport import MAX_ANSWER_BYTES, Reply

_WINDOWS = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS}


def unpacked(reply: Reply) -> Reply:
    """The reply with its body as it was before it was packed. Raises `SourceError` for a packing that is not
    read here, and for a body that is broken or too large."""
    coding = reply.headers.get("content-encoding")
    if coding is None or coding.strip().lower() in ("", "identity"):
        return reply
    window = _WINDOWS.get(coding.strip().lower())
    if window is None:
        raise SourceError(Cause.SERVER_ERROR, f"the answer is packed ({coding}), which was not asked for")
    unpacking = zlib.decompressobj(window)
    try:
        body = unpacking.decompress(reply.body, MAX_ANSWER_BYTES)
    except zlib.error as error:
        raise SourceError(Cause.SERVER_ERROR, f"the answer cannot be unpacked ({coding}): {error}") from error
    if unpacking.unconsumed_tail:
        raise SourceError(Cause.SERVER_ERROR, f"the answer is larger than {MAX_ANSWER_BYTES} bytes")
    if not unpacking.eof:
        raise SourceError(Cause.CUT, "the packed answer ended too early")
    return Reply(reply.status, reply.headers, body)
