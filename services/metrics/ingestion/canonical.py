"""From a file's records to a dataset's rows: columns named, ids given, chats read, contexts stored once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Literal

import orjson

from services.metrics.ingestion.chats import BadMessage, ChatReader, read_tools
from services.metrics.ingestion.columns import ColumnSource, NoSuchColumn
from services.metrics.ingestion.layouts import kinds_of, layout_of
from services.metrics.ingestion.records import Fault, FileRecord
from shared.contracts.datasets import CONTEXT_COLUMNS, REQUIRED_COLUMNS, DatasetKind
from shared.datasets import Row

KeepContext = Callable[[str, str], None]
PAIR = ("system", "prompt", "completion")
"""Columns that a chat can be made of, where it has no `messages`."""


class RowMaker:
    """Makes the canonical rows of one file, one at a time; it remembers ids and contexts to check them.

    `columns` says where our columns are in the file (`columns.ColumnSource`); where it says nothing, the
    first row does (`layouts`). Columns that are not needed are kept as they are. A row without an `id` gets
    its number in the file: every row where `ids` is "number".
    """

    def __init__(
        self,
        kind: DatasetKind,
        columns: Mapping[str, str],
        contexts: ContextShelf,
        ids: Literal["own", "number"] = "own",
    ) -> None:
        self._kind = kind
        self._sources = {name: ColumnSource(written) for name, written in columns.items()}
        self._contexts = contexts
        self._ids = SeenTexts()
        self._number_all = ids == "number"
        self._some_have_ids = False
        self._chats = ChatReader()
        self._looked = bool(columns)
        self.layout: str | None = None
        """What the rows were taken for, in words."""
        self._left_out: Counter[str] = Counter()

    @property
    def left_out(self) -> dict[str, int]:
        """What was not kept: column or field → rows."""
        return dict(self._left_out + Counter(self._chats.left_out))

    def row(self, record: FileRecord) -> Row | list[Fault]:
        """The row, or everything that is wrong with it."""
        if not self._looked:
            self._look(record)
        self._left_out.update(record.left_out)
        values, missing = self._named(record.values)
        if isinstance(values.get("context_id"), int):
            values["context_id"] = str(values["context_id"])
        faults = self._id(record, values)
        if self._kind is DatasetKind.QA:
            faults += self._shelve_context(record, values)
        if self._kind is DatasetKind.CHAT:
            faults += self._chat(record, values, missing)
        else:
            faults += [
                fault
                for column in REQUIRED_COLUMNS[self._kind]
                if (fault := self._text_fault(record, values, column, missing))
            ]
        return faults or _serialisable(record, values)

    def _look(self, record: FileRecord) -> None:
        self._looked = True
        layout = layout_of(self._kind, record.values)
        if layout is not None:
            self.layout = layout.said
            self._sources = {
                name: ColumnSource(written) for name, written in layout.columns.items() if name != written
            }

    def _named(self, values: Mapping[str, Any]) -> tuple[Row, dict[str, str]]:
        """The row in our columns, and of those that it lacks what was looked for."""
        row: Row = {"id": values.get("id"), **values}
        found, missing, used = {}, {}, set()
        for name, source in self._sources.items():
            try:
                found[name] = source.value(values)
            except NoSuchColumn as error:
                missing[name] = str(error)
            used |= source.taken(values)
        for name in used | self._sources.keys():
            row.pop(name, None)
        return {"id": None} | row | found, missing

    def _id(self, record: FileRecord, values: Row) -> list[Fault]:
        given = values["id"]
        if self._number_all:
            self._left_out.update(["id"] if given is not None else [])
            given = None
        if isinstance(given, float) and (given.is_integer() or given != given):
            given = None if given != given else int(given)  # pandas writes numbers with gaps as 1.0 and NaN
        if given is None or given == "":
            values["id"] = self._numbered(record.number)
            return []
        if not isinstance(given, str | int) or isinstance(given, bool):
            detail = "an id is a string or a whole number: correct it, or set ids to 'number'"
            return [self._fault(record, "id", detail)]
        self._some_have_ids = True
        values["id"] = str(given)
        if not self._ids.add(values["id"]):
            detail = (
                f"the id {values['id'][:80]!r} has occurred before: remove the row, or set ids to 'number'"
            )
            return [self._fault(record, "id", detail, kind="twice")]
        return []

    def _numbered(self, number: int) -> str:
        """The row's number as its id: one that no row before has, where rows have ids of their own too."""
        name = f"row {number}" if self._some_have_ids else str(number)
        while not self._ids.add(name):
            name += "'"
        return name

    def _shelve_context(self, record: FileRecord, values: Row) -> list[Fault]:
        text = values.pop("context", None)
        if not isinstance(text, str):
            wanted = values.get("context_id")
            if isinstance(wanted, str) and not self._contexts.has(wanted):
                detail = f"no context has the id {wanted[:80]!r}"
                return [self._fault(record, "context_id", detail, kind="no context")]
            return []
        name = values.setdefault(
            "context_id", blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
        )
        if isinstance(name, str) and not self._contexts.shelve(name, text):
            detail = f"context {name[:80]!r} had another text before"
            return [self._fault(record, "context", detail, kind="two contexts")]
        return []

    def _chat(self, record: FileRecord, values: Row, missing: Mapping[str, str]) -> list[Fault]:
        pair = {name: values.pop(name, None) for name in PAIR if name in values or name in missing}
        if "messages" not in values and "prompt" not in pair:
            return [self._lacking(record, "messages", missing)]
        for name in missing:
            return [self._lacking(record, name, missing)]
        try:
            if "messages" in values:
                messages = self._chats.messages(values["messages"])
                messages = self._chats.with_system(pair.pop("system", None), messages)
                values |= pair
            else:
                messages = self._chats.pair(*(pair.get(name) for name in PAIR))
            values["messages"] = messages
            tools = read_tools(values.pop("tools", None) or values.pop("functions", None))
        except BadMessage as error:
            return [self._fault(record, "messages", str(error))]
        if tools:
            values["tools"] = tools
        return []

    def _text_fault(
        self, record: FileRecord, values: Row, column: str, missing: Mapping[str, str]
    ) -> Fault | None:
        if column not in values:
            return self._lacking(record, column, missing)
        value = values[column]
        if isinstance(value, str):
            return None
        source = self._sources.get(column)
        theirs = source.written if source else column
        return self._fault(
            record, column, f"{theirs!r} must be text, and is {'empty' if value is None else 'not'}"
        )

    def _lacking(self, record: FileRecord, column: str, missing: Mapping[str, str]) -> Fault:
        has = ", ".join(sorted(str(name) for name in record.values)[:10])[:300]
        detail = f"there is no column {missing.get(column, column)!r}; the row has: {has}"
        others = [kind for kind in kinds_of(record.values) if kind is not self._kind]
        if others and layout_of(self._kind, record.values) is None:
            detail += f". As it stands it can be of kind {' or '.join(others)}"
        return self._fault(record, column, detail, kind="no column")

    def _fault(self, record: FileRecord, column: str, detail: str, kind: str | None = None) -> Fault:
        source = self._sources.get(column)
        return Fault(record.number, record.line, source.written if source else column, detail, kind)


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
        return [
            Fault(record.number, record.line, None, f"the row cannot be written as JSON: {error}", "json")
        ]
    return values
