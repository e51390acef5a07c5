"""Pages of a JSONL object, read where it lies: a page costs its own bytes, however long the file is."""

from __future__ import annotations

import json
from dataclasses import dataclass

from services.gateway.cursors import bad_cursor
from shared.contracts.json_types import JsonObject
from shared.errors import InvalidData
from shared.store.base import ObjectStore

MAX_PAGE_BYTES = 4 * 2**20
MAX_ROW_BYTES = 16 * 2**20
_FIRST_READ = 2**16


@dataclass(frozen=True)
class RowsRead:
    rows: list[JsonObject]
    next: int | None
    """Where the next page begins; None at the end."""


class RowTooLarge(InvalidData):
    """A row here is larger than can be shown. Download the part to see it."""

    code = "row_too_large"


def read_rows(store: ObjectStore, key: str, size: int, offset: int, limit: int) -> RowsRead:
    """At most `limit` rows from a byte offset, which must be where a row begins. Raises `InvalidRequest`."""
    if offset < 0 or offset > size or not _begins_row(store, key, offset):
        raise bad_cursor()
    rows: list[JsonObject] = []
    rest, place = b"", offset
    length = _FIRST_READ
    while place + len(rest) < size and len(rows) < limit and place - offset < MAX_PAGE_BYTES:
        rest += b"".join(store.stream(key, place + len(rest), length))
        at_end = place + len(rest) >= size
        *lines, tail = rest.split(b"\n")
        if at_end and tail:
            lines, tail = [*lines, tail], b""
        for line in lines[: limit - len(rows)]:
            place += len(line) + 1
            if line:
                rows.append(json.loads(line))
        rest = tail if len(rows) < limit else b""
        if len(rest) > MAX_ROW_BYTES:
            raise RowTooLarge
        length = min(length * 2, MAX_PAGE_BYTES)
    return RowsRead(rows, place if place < size else None)


def _begins_row(store: ObjectStore, key: str, offset: int) -> bool:
    return offset == 0 or b"".join(store.stream(key, offset - 1, 1)) == b"\n"
