"""What breaks a client that was made from the old document, and what does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from clients.changes import breaks, released_breaks

Document = dict[str, Any]
Change = Callable[[Document], None]

REQUEST = {
    "type": "object",
    "properties": {
        "rows": {"type": "integer", "minimum": 1, "maximum": 100},
        "kind": {"type": "string", "enum": ["text", "qa"]},
        "seed": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "source": {"$ref": "#/components/schemas/Source"},
    },
    "required": ["rows"],
}
ANSWER = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "state": {"type": "string", "enum": ["queued", "ended"]},
        "note": {"type": "string"},
        "below": {"type": "array", "items": {"$ref": "#/components/schemas/Answer"}},
    },
    "required": ["id", "state"],
}
OLD: Document = {
    "info": {"version": "1"},
    "paths": {
        "/v1/jobs": {
            "post": {
                "operationId": "create_job",
                "parameters": [
                    {"in": "query", "name": "limit", "required": False, "schema": {"type": "integer"}}
                ],
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Request"}}},
                },
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
                    }
                },
            },
            "get": {"operationId": "list_jobs", "responses": {"200": {"content": {}}}},
        }
    },
    "components": {
        "schemas": {
            "Request": REQUEST,
            "Answer": ANSWER,
            "Source": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        }
    },
}


def changed(change: Change) -> list[str]:
    new = copy.deepcopy(OLD)
    change(new)
    return [str(fault) for fault in breaks(OLD, new)]


def request(document: Document) -> Document:
    found: Document = document["components"]["schemas"]["Request"]
    return found


def answer(document: Document) -> Document:
    found: Document = document["components"]["schemas"]["Answer"]
    return found


def operation(document: Document) -> Document:
    found: Document = document["paths"]["/v1/jobs"]["post"]
    return found


BREAKING: dict[str, tuple[Change, str]] = {
    "an operation removed": (lambda d: d["paths"]["/v1/jobs"].pop("get"), "the operation is gone"),
    "an operation renamed": (lambda d: operation(d).update(operationId="make_job"), "'make_job'"),
    "a parameter removed": (lambda d: operation(d)["parameters"].clear(), "the parameter is gone"),
    "a parameter required": (
        lambda d: operation(d)["parameters"].append(
            {"in": "header", "name": "key", "required": True, "schema": {}}
        ),
        "a new parameter is required",
    ),
    "a parameter retyped": (
        lambda d: operation(d)["parameters"][0].update(schema={"type": "string"}),
        "its type integer became string",
    ),
    "an answer removed": (
        lambda d: operation(d).update(responses={"201": operation(d)["responses"]["200"]}),
        "the answer 200 is gone",
    ),
    "a request field removed": (lambda d: request(d)["properties"].pop("seed"), "seed: the field is gone"),
    "a request field retyped": (
        lambda d: request(d)["properties"].update(rows={"type": "string"}),
        "rows: its type integer became string",
    ),
    "a new request field required": (
        lambda d: (
            request(d)["properties"].update(task={"type": "string"}),
            request(d)["required"].append("task"),
        ),
        "task: a new field is required",
    ),
    "a request field required": (lambda d: request(d)["required"].append("kind"), "kind: it is required"),
    "a request value removed": (
        lambda d: request(d)["properties"]["kind"]["enum"].remove("qa"),
        "the value 'qa' is gone",
    ),
    "a bound tightened": (
        lambda d: request(d)["properties"]["rows"].update(maximum=50),
        "maximum 100 became 50",
    ),
    "null no longer taken": (
        lambda d: request(d)["properties"].update(seed={"type": "integer"}),
        "seed: its type null became integer",
    ),
    "a field of a model within removed": (
        lambda d: d["components"]["schemas"]["Source"]["properties"].pop("name"),
        "source.name: the field is gone",
    ),
    "an answer's field removed": (
        lambda d: answer(d)["properties"].pop("note"),
        "note: the field is gone",
    ),
    "an answer's field retyped": (
        lambda d: answer(d)["properties"].update(id={"type": "integer"}),
        "id: its type string became integer",
    ),
    "an answer's field may be null": (
        lambda d: answer(d)["properties"].update(id={"anyOf": [{"type": "string"}, {"type": "null"}]}),
        "id: its type string became null",
    ),
    "an answer's field may be missing": (
        lambda d: answer(d)["required"].remove("id"),
        "id: it may now be missing",
    ),
    "an answer's value removed": (
        lambda d: answer(d)["properties"]["state"]["enum"].remove("ended"),
        "the value 'ended' is gone",
    ),
    "an answer's value added": (
        lambda d: answer(d)["properties"]["state"]["enum"].append("paused"),
        "the value 'paused' is new",
    ),
}


@pytest.mark.parametrize("name", BREAKING)
def test_what_breaks_a_client_is_named(name: str) -> None:
    change, said = BREAKING[name]
    faults = changed(change)
    assert any(said in fault for fault in faults), faults


def rename_source(document: Document) -> None:
    schemas = document["components"]["schemas"]
    schemas["Origin"] = schemas.pop("Source")
    request(document)["properties"]["source"] = {"$ref": "#/components/schemas/Origin"}


HARMLESS: dict[str, Change] = {
    "nothing": lambda d: None,
    "a new operation": lambda d: d["paths"].update({"/v1/x": {"get": {"responses": {}}}}),
    "a new optional field": lambda d: request(d)["properties"].update(task={"type": "string"}),
    "a new value taken": lambda d: request(d)["properties"]["kind"]["enum"].append("completion"),
    "the same bound told another way": lambda d: (
        request(d)["properties"]["rows"].pop("maximum"),
        request(d)["properties"]["rows"].update(exclusiveMaximum=101),
    ),
    "a bound loosened": lambda d: request(d)["properties"]["rows"].update(maximum=1000),
    "a type widened": lambda d: request(d)["properties"].update(rows={"type": ["integer", "string"]}),
    "an integer that may be a number": lambda d: request(d)["properties"].update(rows={"type": "number"}),
    "a field no longer required": lambda d: request(d)["required"].remove("rows"),
    "an answer's new field": lambda d: answer(d)["properties"].update(more={"type": "string"}),
    "an answer's field always there": lambda d: answer(d)["required"].append("note"),
    "a model under another name": lambda d: rename_source(d),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_additions_break_nothing(name: str) -> None:
    assert changed(HARMLESS[name]) == []


def test_another_version_of_the_api_may_break() -> None:
    new = copy.deepcopy(OLD)
    new["paths"].clear()
    assert released_breaks({"gateway": OLD}, {"gateway": new})["gateway"]
    new["info"]["version"] = "2"
    assert released_breaks({"gateway": OLD}, {"gateway": new}) == {}
