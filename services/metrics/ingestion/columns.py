"""Where a column of ours is in a file's rows: a column, a place inside one, or several joined.

| written | is |
|---|---|
| `ending` | the column of that name |
| `answers.text[0]` | what is inside a column: names after points, places in lists in brackets |
| `{instruction}\\n\\n{input}` | a text with columns, or places inside them, put in |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

_MISSING = object()
_FIELD = re.compile(r"\{([^{}]+)\}")
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class NoSuchColumn(LookupError):
    """A row has no column, or nothing at a place inside it; the name as it was asked for."""


class ColumnSource:
    """Where one of our columns comes from."""

    def __init__(self, written: str) -> None:
        self.written = written
        self._fields = _FIELD.findall(written)

    def taken(self, row: Mapping[str, Any]) -> set[str]:
        """The file's columns that are wholly used: renamed or joined. One that is reached into is not."""
        if self.written in row:
            return {self.written}
        return {field for field in self._fields if field in row}

    def value(self, row: Mapping[str, Any]) -> Any:
        """Raises NoSuchColumn."""
        if self.written in row or not self._fields:
            return _reach(row, self.written)
        values = {field: _reach(row, field) for field in self._fields}
        joined = _FIELD.sub(lambda field: _as_text(values[field[1]]), self.written)
        # A blank field takes the blanks around it along: "{instruction}\n\n{input}" without an input.
        return joined if all(_as_text(value).strip() for value in values.values()) else joined.strip()


def _reach(row: Mapping[str, Any], path: str) -> Any:
    if path in row:
        return row[path]
    found: Any = row
    for name, place in _STEP.findall(path):
        if name and isinstance(found, Mapping):
            found = found.get(name, _MISSING)
        elif place and isinstance(found, list) and int(place) < len(found):
            found = found[int(place)]
        else:
            found = _MISSING
        if found is _MISSING:
            raise NoSuchColumn(path)
    if found is row:
        raise NoSuchColumn(path)
    return found


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value, default=str).decode()
