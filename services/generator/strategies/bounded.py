"""JSON schemas as servers are given them, and as people and models read them.

A weak model held to a schema fills what has no limit: a string until `max_tokens` cuts it, a list without
end. So every string, list and number of a schema has its limit (`stated` gives a string its own; a limit
binds the server, and what an unbound model writes beyond it is read all the same). Names and docstrings of
classes stay here: a model that sees them writes them into its answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel, Field
from pydantic.json_schema import JsonSchemaValue

SENTENCES = 400
"""Characters of a few sentences: the limit of a string that states none."""
_KEPT = ("type", "enum", "const", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


def stated(limit: int, what: str) -> Any:
    """A string that may not be empty, of at most `limit` characters where the server is held to it; `what` is
    what a model is told of it."""
    return Field(min_length=1, description=what, json_schema_extra={"maxLength": limit})


@cache
def schema_of(model: type[BaseModel]) -> JsonSchemaValue:
    """The model's schema, bounded and bare; copy it before changing it. Raises ValueError for a list or a
    number without limits."""
    whole = model.model_json_schema()
    return _bare(whole, whole.get("$defs", {}), model.__name__)


def _bare(schema: Mapping[str, Any], defs: Mapping[str, Any], where: str) -> JsonSchemaValue:
    if "$ref" in schema:
        return _bare(defs[schema["$ref"].rsplit("/", 1)[-1]], defs, where)
    found = {name: schema[name] for name in _KEPT if name in schema}
    if "description" in schema and schema.get("type") != "object":
        found["description"] = schema["description"]
    if "properties" in schema:
        fields = schema["properties"]
        found["properties"] = {name: _bare(field, defs, f"{where}.{name}") for name, field in fields.items()}
        found["required"] = list(fields)
        found["additionalProperties"] = False
    if "items" in schema:
        found["items"] = _bare(schema["items"], defs, f"{where}[]")
    return _limited(found, where)


def _limited(schema: JsonSchemaValue, where: str) -> JsonSchemaValue:
    kind = schema.get("type")
    if kind == "string" and not {"enum", "const"} & schema.keys():
        return {"maxLength": SENTENCES, **schema}
    if kind == "array" and "maxItems" not in schema:
        raise ValueError(f"{where} is a list without a limit")
    if kind in ("integer", "number") and not {"minimum", "maximum"} <= schema.keys():
        raise ValueError(f"{where} is a number without limits")
    return schema


def sent(schema: Mapping[str, Any]) -> JsonSchemaValue:
    """The schema without what is for the prompt alone."""
    found = {name: value for name, value in schema.items() if name != "description"}
    if "properties" in found:
        found["properties"] = {name: sent(field) for name, field in found["properties"].items()}
    if "items" in found:
        found["items"] = sent(found["items"])
    return found


def form_of(schema: Mapping[str, Any]) -> str:
    """An object of this form, with what belongs into each place between <angle brackets>: what a model that
    is not held to the schema is shown, since it would answer a schema with a schema."""
    if "properties" in schema:
        fields = (f"{json.dumps(name)}: {form_of(field)}" for name, field in schema["properties"].items())
        return "{" + ", ".join(fields) + "}"
    if "items" in schema:
        return f"[{form_of(schema['items'])}{'' if schema['maxItems'] == 1 else ', …'}]"
    if "enum" in schema:
        return "<" + " or ".join(json.dumps(value) for value in schema["enum"]) + ">"
    if schema.get("type") == "integer":
        low, high = schema["minimum"], schema["maximum"]
        return f"<{low} or {high}>" if high == low + 1 else f"<{low} to {high}>"
    return f'"<{schema.get("description", "text")}>"'


def in_prompts(schema: Mapping[str, Any] | None) -> dict[str, Any]:
    """What templates see of the schema that answers are held to: empty where they are held to none."""
    return {"schema": schema or {}, "form": form_of(schema) if schema else ""}
