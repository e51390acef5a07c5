"""What of a new OpenAPI document would break a client that was made from the old one.

    python -m clients.changes        compares the code's documents with those of the last release

A client sends what the old document allows, so a request may only come to allow more; it reads what the old
document promises, so a response may only come to promise more. Additions are no change. The public tools let
removed optional response fields and enum values pass (docs/adr/0014), so this walks both documents itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

Schema = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "patch")
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
TYPES = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})


class Way(Enum):
    """Who writes the value: `SENT` by the client, `READ` by it."""

    SENT = "sent"
    READ = "read"


@dataclass(frozen=True)
class Break:
    """One thing that an old client would meet. `where`: operation, then the path of fields."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def breaks(old: Schema, new: Schema) -> list[Break]:
    """Everything in `new` that a client made from `old` cannot live with."""
    found: list[Break] = []
    for path, method, before in _operations(old):
        where = f"{method.upper()} {path}"
        after = new["paths"].get(path, {}).get(method)
        if after is None:
            found.append(Break(where, "the operation is gone"))
        else:
            found += _operation(where, before, after, _Walk(old, new))
    return list(dict.fromkeys(found))


def _operations(document: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _operation(where: str, old: Schema, new: Schema, walk: _Walk) -> Iterator[Break]:
    if old.get("operationId") != new.get("operationId"):
        yield Break(where, f"its name {old.get('operationId')!r} became {new.get('operationId')!r}")
    yield from _parameters(where, old, new, walk)
    before, after = (body.get("requestBody", {}) for body in (old, new))
    if after.get("required") and not before.get("required"):
        yield Break(where, "a body is now required")
    yield from _contents(f"{where} body", before, after, Way.SENT, walk)
    for status, answer in old["responses"].items():
        if status not in new["responses"]:
            yield Break(where, f"the answer {status} is gone")
        else:
            yield from _contents(f"{where} {status}", answer, new["responses"][status], Way.READ, walk)


def _parameters(where: str, old: Schema, new: Schema, walk: _Walk) -> Iterator[Break]:
    before, after = (
        {(found["in"], found["name"]): found for found in body.get("parameters", [])} for body in (old, new)
    )
    for key, parameter in before.items():
        place = f"{where} {key[0]} {key[1]}"
        if key not in after:
            yield Break(place, "the parameter is gone")
            continue
        if after[key].get("required") and not parameter.get("required"):
            yield Break(place, "it is now required")
        yield from walk.compare(place, parameter.get("schema", {}), after[key].get("schema", {}), Way.SENT)
    for key, parameter in after.items():
        if key not in before and parameter.get("required"):
            yield Break(f"{where} {key[0]} {key[1]}", "a new parameter is required")


def _contents(where: str, old: Schema, new: Schema, way: Way, walk: _Walk) -> Iterator[Break]:
    offered = new.get("content", {})
    for media_type, content in old.get("content", {}).items():
        if media_type not in offered:
            yield Break(where, f"{media_type} is gone")
        else:
            schemas = content.get("schema", {}), offered[media_type].get("schema", {})
            yield from walk.compare(where, *schemas, way)


class _Walk:
    """Compares schemas of two documents, following references in each."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._open: set[tuple[str, str, Way]] = set()

    def compare(self, where: str, old: Schema, new: Schema, way: Way) -> list[Break]:
        pair = (str(old.get("$ref")), str(new.get("$ref")), way)
        if "$ref" in old or "$ref" in new:
            if pair in self._open:
                return []  # a model that holds itself
            self._open.add(pair)
        try:
            return list(self._compare(where, _resolved(self._old, old), _resolved(self._new, new), way))
        finally:
            self._open.discard(pair)

    def _compare(self, where: str, old: Schema, new: Schema, way: Way) -> Iterator[Break]:
        before, after = _variants(old), _variants(new)
        if len(before) > 1 or len(after) > 1:
            yield from self._variants(where, before, after, way)
            return
        written, accepting = (old, new) if way is Way.SENT else (new, old)
        if not _types(written) <= _types(accepting):
            yield Break(where, f"its type {_named(old)} became {_named(new)}")
            return
        yield from _values(where, old, new, way)
        yield from _bounds(where, old, new, way)
        yield from self._fields(where, old, new, way)
        if "items" in old and "items" in new:
            yield from self.compare(f"{where}[]", old["items"], new["items"], way)
        held, holds = old.get("additionalProperties"), new.get("additionalProperties")
        if isinstance(held, dict) and isinstance(holds, dict):
            yield from self.compare(f"{where}.*", held, holds, way)

    def _variants(self, where: str, old: list[Schema], new: list[Schema], way: Way) -> Iterator[Break]:
        """Every variant that can be written must be one that the reader knows."""
        written, known = (old, new) if way is Way.SENT else (new, old)
        pair: Callable[[Schema, Schema], tuple[Schema, Schema]] = (
            (lambda w, k: (w, k)) if way is Way.SENT else (lambda w, k: (k, w))
        )
        for variant in written:
            faults = [self.compare(where, *pair(variant, candidate), way) for candidate in known]
            if all(faults):
                yield from min(faults, key=len)
        for variant in old:  # what is gone from a response breaks those who name it
            if way is Way.READ and "$ref" in variant and variant not in new:
                yield Break(where, f"the variant {variant['$ref'].rpartition('/')[2]} is gone")

    def _fields(self, where: str, old: Schema, new: Schema, way: Way) -> Iterator[Break]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, needs = set(old.get("required", [])), set(new.get("required", []))
        for name, field in before.items():
            if name not in after:
                yield Break(f"{where}.{name}", "the field is gone")
            else:
                yield from self.compare(f"{where}.{name}", field, after[name], way)
        if way is Way.SENT:
            for name in sorted(needs - needed):
                new_field = name not in before
                yield Break(f"{where}.{name}", f"{'a new field' if new_field else 'it'} is required")
        else:
            for name in sorted((needed - needs) & set(after)):
                yield Break(f"{where}.{name}", "it may now be missing")


def _resolved(document: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def _variants(schema: Schema) -> list[Schema]:
    return schema.get("anyOf") or schema.get("oneOf") or [schema]


def _types(schema: Schema) -> frozenset[str]:
    if "const" in schema or "enum" in schema:
        return frozenset(_type_of(value) for value in _allowed(schema) or ())
    given = schema.get("type")
    found = TYPES if given is None else frozenset([given] if isinstance(given, str) else given)
    return found | {"integer"} if "number" in found else found


def _type_of(value: object) -> str:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
    return names.get(type(value), "object")


def _named(schema: Schema) -> str:
    types = _types(schema)
    return "anything" if types == TYPES else " or ".join(sorted(types))


def _allowed(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _values(where: str, old: Schema, new: Schema, way: Way) -> Iterator[Break]:
    before, after = _allowed(old), _allowed(new)
    if before is not None and after is not None:
        for value in before:
            if value not in after:
                yield Break(where, f"the value {value!r} is gone")
        if way is Way.READ:
            for value in after:
                if value not in before:
                    yield Break(where, f"the value {value!r} is new to those who read it")
    elif after is not None and way is Way.SENT:
        yield Break(where, f"only {after!r} is taken now")
    elif before is not None and way is Way.READ:
        yield Break(where, f"more than {before!r} may come now")


def _bounds(where: str, old: Schema, new: Schema, way: Way) -> Iterator[Break]:
    if way is Way.READ:
        return
    old, new = _inclusive(old), _inclusive(new)
    for bound in (*LOWER, *UPPER):
        before, after = old.get(bound), new.get(bound)
        tighter = after is not None and (
            before is None or (after > before if bound in LOWER else after < before)
        )
        if tighter:
            yield Break(where, f"{bound} {before} became {after}")
    if new.get("pattern") not in (None, old.get("pattern")):
        yield Break(where, f"pattern {old.get('pattern')!r} became {new['pattern']!r}")


def _inclusive(schema: Schema) -> Schema:
    """For whole numbers below 8 and up to 7 is the same: both told as `maximum` 7."""
    if schema.get("type") != "integer":
        return schema
    told = dict(schema)
    if "exclusiveMaximum" in told:
        told["maximum"] = min(told.pop("exclusiveMaximum") - 1, told.get("maximum", float("inf")))
    if "exclusiveMinimum" in told:
        told["minimum"] = max(told.pop("exclusiveMinimum") + 1, told.get("minimum", float("-inf")))
    return told


def released_breaks(old: dict[str, Schema], new: dict[str, Schema]) -> dict[str, list[Break]]:
    """By service, what breaks its clients. A service whose API's version was raised may break them."""
    return {
        service: breaks(document, new[service])
        for service, document in old.items()
        if document["info"]["version"] == new[service]["info"]["version"]
    }


def main() -> int:
    from clients.documents import PREVIOUS, documents, read

    found = released_breaks(read(PREVIOUS), documents())
    for service, faults in found.items():
        for fault in faults:
            print(f"{service}: {fault}", file=sys.stderr)
    if any(found.values()):
        print("Clients of the last release would break: keep what they use, or raise the API's version.")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
