"""Documents from outside: JSON or YAML, bounded before anything walks through them.

YAML is what JSON can say, in another spelling: no anchors (a few lines of them expand into gigabytes), no
tags, no dates. In both a key that stands twice is an error, since one of its values would vanish.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Hashable
from http import HTTPStatus
from typing import Any

import yaml

from services.gateway.documents.pointers import Place
from shared.contracts.problems import FieldError, pointer
from shared.errors import InvalidRequest, TooLarge

MAX_DEPTH = 32
MAX_VALUES = 100_000
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})
JSON_TYPES = frozenset({"application/json", ""})

Document = dict[str, Any]
"""What was written as JSON or YAML, not looked through yet."""


class UnsupportedMediaType(InvalidRequest):
    """Send the document as `application/json` or `application/yaml`."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "unsupported_media_type"


def read_document(body: bytes, content_type: str, max_bytes: int) -> Document:
    """The document's root, a mapping. Raises `InvalidRequest`, with the line where one can be told."""
    if len(body) > max_bytes:
        raise TooLarge(f"the document has {len(body)} bytes; at most {max_bytes} are taken")
    media_type = content_type.partition(";")[0].strip().lower()
    if media_type in YAML_TYPES:
        value = _read_yaml(_decoded(body))
    elif media_type in JSON_TYPES:
        value = _read_json(_decoded(body))
    else:
        raise UnsupportedMediaType
    _check_values(value)
    if not isinstance(value, dict):
        raise _refusal("the document is not a mapping of fields")
    return value


def _decoded(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise _refusal("the document is not valid UTF-8", line=line) from error


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_mapping, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _refusal(f"the document is not JSON: {error.msg}", line=error.lineno) from error
    except (RecursionError, ValueError) as error:
        detail = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise _refusal(f"the document cannot be read: {detail}") from error


def _mapping(pairs: list[tuple[str, Any]]) -> Document:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} stands twice in one mapping")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _read_yaml(text: str) -> Any:
    try:
        _check_events(text)
        return yaml.load(text, _Loader)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        detail = f"the document is not YAML that is taken here: {error.problem or error.context}"
        raise _refusal(detail, line=mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise _refusal(f"the document cannot be read: {error}") from error


def _check_events(text: str) -> None:
    """Refuses what would grow or recurse while it is built; costs one pass and no memory."""
    depth = 0
    for event in yaml.parse(text, _BaseLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _fault("an alias: write the value out", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _fault("nested too deeply", event.start_mark)


_BaseLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BaseLoader):  # type: ignore[misc]  # chosen at run time
    """PyYAML's safe loader, with JSON's types only and no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        found: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key = self.construct_object(key_node, deep=True)
            mark = key_node.start_mark
            if not isinstance(key, str):
                raise _fault(f"the key {key!r} is no text: quote it", mark)
            if key in found:
                raise _fault(f"the key {key!r} stands twice", mark)
            found[key] = self.construct_object(value_node, deep=True)
        return found


def _construct_mapping(loader: Any, node: Any) -> Any:
    return loader.construct_mapping(node)


def _refuse_tag(loader: Any, node: Any) -> Any:
    raise _fault(f"the tag {node.tag}: write plain values", node.start_mark)


def _fault(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in _BaseLoader.yaml_constructors.items()
    if tag is not None and tag.rpartition(":")[2] in ("null", "bool", "int", "float", "str", "seq")
}
_Loader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)
_Loader.add_constructor(None, _refuse_tag)
# A date is text, as it is in JSON, and so is `<<`.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith((":timestamp", ":merge"))]
    for first, found in _BaseLoader.yaml_implicit_resolvers.items()
}


def _check_values(root: Any) -> None:
    waiting: list[tuple[Any, Place]] = [(root, ())]
    seen = 0
    while waiting:
        value, place = waiting.pop()
        seen += 1
        if seen > MAX_VALUES:
            raise TooLarge(f"the document has more than {MAX_VALUES} values")
        if isinstance(value, dict):
            waiting += [(item, (*place, key)) for key, item in value.items()]
        elif isinstance(value, list):
            waiting += [(item, (*place, number)) for number, item in enumerate(value)]
        elif isinstance(value, float) and not math.isfinite(value):
            raise _refusal("a number that is not finite", place)
        elif isinstance(value, str) and not value.isascii() and _is_broken(value):
            raise _refusal("half of a surrogate pair is no character", place)
        if len(place) > MAX_DEPTH:
            raise _refusal("nested too deeply", place)


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _refusal(detail: str, place: Place = (), line: int | None = None) -> InvalidRequest:
    return InvalidRequest(detail, [FieldError(pointer=pointer(place), detail=detail, line=line)])
