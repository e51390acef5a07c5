"""Cursors: where the next page begins, opaque to those who carry them."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from shared.contracts.problems import FieldError
from shared.errors import InvalidRequest


def write_cursor(*place: str | float) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def read_cursor(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """Raises `InvalidRequest` for what no page gave out."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError):
        place = None
    if not isinstance(place, list) or [type(item) for item in place] != list(kinds):
        raise bad_cursor()
    return place


def bad_cursor() -> InvalidRequest:
    detail = "this is no cursor that a page gave; begin without one"
    return InvalidRequest(detail, [FieldError(pointer="/cursor", detail=detail)])
