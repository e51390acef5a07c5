"""Reading what is stored: records and manifests of this version, the one before and the one after.

Requests from callers are strict: an unknown field is a typo. What is stored is not: an unknown field is
what a newer version has to say, and this one reads past it. What cannot be read nevertheless is passed by,
counted, and told once by each process; it stops nobody, and it is never overwritten or removed.
"""

from __future__ import annotations

import threading
from collections import Counter
from http import HTTPStatus
from typing import TypeVar

import structlog
from pydantic import BaseModel, ValidationError

from shared.errors import GamutError, Reason

log = structlog.get_logger(__name__)
FORMAT = 1
"""Of records and manifests. One that does not say its format has the first; see ADR 32."""
REMEMBERED = 10_000

M = TypeVar("M", bound=BaseModel)
_lock = threading.Lock()
_told: dict[str, str] = {}


class Unreadable(GamutError):
    """A stored record cannot be read. It is left as it is: upgrade this process if a newer one wrote it, else
    restore the object from a backup."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    code = "unreadable"
    reason = Reason.UNREADABLE


def read_stored(kind: type[M], key: str, data: bytes) -> M:
    """The record under `key`. Raises `Unreadable`, and tells of it."""
    try:
        found = kind.model_validate_json(data, extra="ignore")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise unreadable(kind.__name__, key, f"{first['msg']} at {first['loc']}") from None
    if getattr(found, "format", FORMAT) > FORMAT + 1:
        raise unreadable(kind.__name__, key, "its format is two or more versions ahead")
    return found


def unreadable(kind: str, key: str, why: str) -> Unreadable:
    """The error for what cannot be read; the first time, it is counted and told."""
    with _lock:
        is_new = key not in _told and len(_told) < REMEMBERED
        if is_new:
            _told[key] = kind
    if is_new:
        log.error("store.unreadable", kind=kind, key=key, why=why)
    return Unreadable(f"the stored {kind} {key} cannot be read: {why}. {Unreadable().detail}")


def count_unreadable() -> Counter[str]:
    """By kind, how many objects this process has met that it cannot read."""
    with _lock:
        return Counter(_told.values())
