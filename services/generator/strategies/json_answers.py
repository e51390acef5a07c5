"""JSON out of what a model wrote, with or without a server that enforced it."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from services.generator.strategies.parse import Unparsable

M = TypeVar("M", bound=BaseModel)


MOST_STARTS = 1_000
"""Braces at which an object is looked for."""
_DECODER = json.JSONDecoder()


def json_as(model: type[M], text: str) -> M:
    """The last JSON object in the text that the model takes: whatever is said, fenced or thought aloud around
    it. Raises `Unparsable` when there is no JSON in it, and the `ValidationError` of the last object when
    none fits."""
    error: ValidationError | None = None
    for value in reversed(_values(text)):
        try:
            return model.model_validate(value)
        except ValidationError as found:
            error = error or found
    if error is not None:
        raise error
    raise Unparsable("not JSON: there is no object in it")


def _values(text: str) -> list[Any]:
    """The JSON value that the text is, else the objects in it, outermost ones only, in their order."""
    try:
        return [orjson.loads(text)]
    except orjson.JSONDecodeError:
        pass
    found: list[Any] = []
    at = -1
    for _ in range(MOST_STARTS):
        at = text.find("{", at + 1)
        if at < 0:
            break
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            continue
        found.append(value)
        at = end - 1
    return found
