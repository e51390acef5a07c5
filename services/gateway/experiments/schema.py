"""The JSON Schema of recipes: what an editor completes and checks by."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import JsonSchemaValue

from services.gateway.catalogue import Operations
from shared.contracts.base import Queue
from shared.contracts.experiment import ExperimentRequest, Step

Schema = JsonSchemaValue
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = "Reference"
_NAME = {"type": "string"}


def recipe_schema(operations: Operations) -> Schema:
    """`ExperimentRequest`'s schema in which each step's request is that of its operation, and any value in it
    may be a reference."""
    schema = ExperimentRequest.model_json_schema(by_alias=True)
    definitions: Schema = schema["$defs"] | {REFERENCE: reference_schema()}
    steps = [
        _step(name, request.model_json_schema(), definitions)
        for name, request in operations.items()
        if request.queue is not Queue.COORDINATE
    ]
    definitions["Step"] = {"description": Step.__doc__, "oneOf": steps}
    return schema | {"$schema": DIALECT, "title": "Gamut recipe", "$defs": definitions}


def reference_schema() -> Schema:
    keys: Schema = {
        "input": _NAME | {"description": "The id of one of the recipe's inputs."},
        "parameter": _NAME | {"description": "The value of one of the recipe's parameters."},
        "step": _NAME | {"description": "The id of the artifact that a step makes."},
        "axis": _NAME | {"description": "An axis' value."},
        "label": _NAME | {"description": "The label of an axis' value."},
        "this": {"const": "recipe", "description": "The recipe itself."},
        "literal": {"description": "A value as it stands."},
        "gather": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object"},
            "description": "Runs, each repeated for every value of the axes that its steps depend on.",
        },
    }
    return {
        "description": "Stands for a value that is known when the recipe is expanded.",
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": keys,
    }


def _step(operation: str, request: Schema, definitions: Schema) -> Schema:
    for name, definition in request.pop("$defs", {}).items():
        definitions[f"{operation}.{name}"] = _open(definition, operation)
    definitions[operation] = _open(request, operation)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["operation", "request"],
        "properties": {
            "operation": {"const": operation},
            "request": {"$ref": f"#/$defs/{operation}"},
            "stop_if": {"anyOf": [{"$ref": "#/$defs/StopIf"}, {"type": "null"}]},
        },
    }


def _open(schema: Any, operation: str) -> Any:
    """A schema in which a reference may stand for every value inside, and whose own definitions are ours."""
    if isinstance(schema, list):
        return [_open(item, operation) for item in schema]
    if not isinstance(schema, dict):
        return schema
    opened = {}
    for key, value in schema.items():
        if key == "$ref":
            opened[key] = value.replace("#/$defs/", f"#/$defs/{operation}.")
        elif key in ("properties", "patternProperties"):
            opened[key] = {name: _or_reference(_open(inner, operation)) for name, inner in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            opened[key] = _or_reference(_open(value, operation))
        elif key in ("anyOf", "oneOf", "allOf", "prefixItems"):
            opened[key] = _open(value, operation)
        elif key != "discriminator":
            opened[key] = value
    return opened


def _or_reference(schema: Schema) -> Schema:
    outer = {key: schema.pop(key) for key in ("title", "description", "default") if key in schema}
    return outer | {"anyOf": [schema, {"$ref": f"#/$defs/{REFERENCE}"}]}
