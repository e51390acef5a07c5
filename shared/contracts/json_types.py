"""JSON values, and what keeps pydantic from reading one JSON type as another, which the published schema
would not allow.

`"12"` and `true` are not numbers, `1` and `"yes"` are not truth values. Strict mode would do more: it refuses
`12.0` for an integer, which JSON Schema takes, and words for enumerated values.
"""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue
from pydantic_core import core_schema

JsonObject = dict[str, JsonValue]
"""A JSON object whose names are not known beforehand."""


def number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("a JSON number is needed")
    return value


def truth(value: Any) -> Any:
    if isinstance(value, str) or type(value) in (int, float):
        raise ValueError("true or false is needed")
    return value


_CHECKS = {"int": number, "float": number, "bool": truth}
_MARK = "other_types_refused"


def refuse_other_types(schema: Any, model: type) -> None:
    """Put a check before each number and truth value of the model's own fields, in its core schema.

    Models within have checks of their own.
    """
    if isinstance(schema, list | tuple):
        for item in schema:
            refuse_other_types(item, model)
    elif isinstance(schema, dict):
        kind = schema.get("type")
        if _MARK in (schema.get("metadata") or {}) or (kind == "model" and schema["cls"] is not model):
            return
        if kind in _CHECKS:
            inner = dict(schema)
            schema.clear()
            checked = core_schema.no_info_before_validator_function(_CHECKS[kind], inner)
            schema.update({**checked, "metadata": {_MARK: True}})
            return
        for item in schema.values():
            refuse_other_types(item, model)
