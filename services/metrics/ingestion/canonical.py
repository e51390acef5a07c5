"""From a file's records to a dataset's rows: columns named, ids given, contexts stored once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

import orjson

from services.metrics.ingestion.records import Fault, FileRecord
from shared.contracts.datasets import CONTEXT_COLUMNS, REQUIRED_COLUMNS, DatasetKind
from shared.datasets import Row

KeepContext = Callable[[str, str], None]


class RowMaker:
    """Makes the canonical rows of one file, one at a time; it remembers ids and contexts to check them.

    `columns` maps our column names to the file's. Columns that the kind does not need are kept as they are.
    A row without an `id` gets its number in the file.
    """

    def __init__(self, kind: DatasetKind, columns: Mapping[str, str], contexts: ContextShelf) -> None:
        self._kind = kind
        self._file_name = dict(columns)
        self._contexts = contexts
        self._ids = SeenTexts()

    def row(self, record: FileRecord) -> Row | list[Fault]:
        """The row, or everything that is wrong with it."""
        values = self._named(record.values)
        if isinstance(values.get("context_id"), int):
            values["context_id"] = str(values["context_id"])
        faults = self._id(record, values)
        if self._kind is DatasetKind.QA:
            faults += self._shelve_context(record, values)
        faults += [
            fault
            for column in REQUIRED_COLUMNS[self._kind]
            if (fault := self._text_fault(record, values, column))
        ]
        return faults or _serialisable(record, values)

    def _named(self, values: Mapping[str, Any]) -> Row:
        ours = {theirs: name for name, theirs in self._file_name.items()}
        row = {
            ours.get(column, column): value
            for column, value in values.items()
            if column not in self._file_name
        }
        return {"id": row.pop("id", None), **row}

    def _id(self, record: FileRecord, values: Row) -> list[Fault]:
        given = values["id"]
        if given is None:
            given = record.number
        if not isinstance(given, str | int) or isinstance(given, bool):
            return [self._fault(record, "id", "an id is a string or a whole number")]
        values["id"] = str(given)
        if not self._ids.add(values["id"]):
            return [self._fault(record, "id", f"the id {values['id'][:80]!r} has occurred before")]
        return []

    def _shelve_context(self, record: FileRecord, values: Row) -> list[Fault]:
        text = values.pop("context", None)
        if not isinstance(text, str):
            wanted = values.get("context_id")
            if isinstance(wanted, str) and not self._contexts.has(wanted):
                return [self._fault(record, "context_id", f"no context has the id {wanted[:80]!r}")]
            return []
        name = values.setdefault(
            "context_id", blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
        )
        if isinstance(name, str) and not self._contexts.shelve(name, text):
            return [self._fault(record, "context", f"context {name[:80]!r} had another text before")]
        return []

    def _text_fault(self, record: FileRecord, values: Row, column: str) -> Fault | None:
        value = values.get(column)
        if isinstance(value, str):
            return None
        theirs = self._file_name.get(column, column)
        if theirs not in record.values:
            found = ", ".join(sorted(str(name) for name in record.values)[:10])
            return self._fault(record, column, f"there is no column {theirs!r}; the row has: {found[:300]}")
        return self._fault(
            record, column, f"{theirs!r} must be text, and is {'empty' if value is None else 'not'}"
        )

    def _fault(self, record: FileRecord, column: str, detail: str) -> Fault:
        return Fault(record.number, record.line, self._file_name.get(column, column), detail)


class SeenTexts:
    """Remembers texts by a 128-bit hash: 10 million ids take about 1 GB less than the ids themselves."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def add(self, text: str) -> bool:
        """False when the text was there already."""
        before = len(self._seen)
        self._seen.add(blake2b(text.encode("utf-8", "replace"), digest_size=16).digest())
        return len(self._seen) > before


class ContextShelf:
    """Takes each context once; a second text under one id is refused."""

    def __init__(self, keep: KeepContext) -> None:
        self._keep = keep
        self._texts: dict[str, bytes] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def has(self, name: str) -> bool:
        return name in self._texts

    def shelve(self, name: str, text: str) -> bool:
        """Keep the context if it is new; False when the id is taken by another text."""
        digest = blake2b(text.encode("utf-8", "replace"), digest_size=16).digest()
        if name not in self._texts:
            self._texts[name] = digest
            self._keep(name, text)
        return self._texts[name] == digest


def context_of(record: FileRecord) -> tuple[str, str] | list[Fault]:
    """(id, text) of a line of a contexts file."""
    values = {column: record.values.get(column) for column in CONTEXT_COLUMNS}
    if isinstance(values["context_id"], int):
        values["context_id"] = str(values["context_id"])
    faults = [
        Fault(record.number, record.line, column, f"a context needs {column!r} as text")
        for column, value in values.items()
        if not isinstance(value, str)
    ]
    return faults or (str(values["context_id"]), str(values["text"]))


def _serialisable(record: FileRecord, values: Row) -> Row | list[Fault]:
    """The row itself when it can be written as JSON: Unicode without lone surrogates, plain values."""
    try:
        orjson.dumps(values)
    except (TypeError, ValueError) as error:
        return [Fault(record.number, record.line, None, f"the row cannot be written as JSON: {error}")]
    return values
