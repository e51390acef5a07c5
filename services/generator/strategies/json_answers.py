"""JSON out of what a model wrote, with or without a server that enforced it."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaValue

from services.generator.strategies.parse import Unparsable


@cache
def schema_of(model: type[BaseModel]) -> JsonSchemaValue:
    """The model's JSON schema, made once; copy it before changing it."""
    return model.model_json_schema()


_FENCED = re.compile(r"```(?:json)?(.*?)```", re.S)


def json_in(text: str) -> Any:
    """The JSON value that the text is, or holds in its one fenced block. Raises `Unparsable`."""
    blocks = _FENCED.findall(text)
    try:
        return orjson.loads(blocks[0] if len(blocks) == 1 else text)
    except orjson.JSONDecodeError as error:
        raise Unparsable(f"not JSON: {error}") from error
