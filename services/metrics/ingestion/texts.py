"""The texts of a small file of rows that is measured at once and kept nowhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from services.metrics.ingestion.chats import BadMessage, ChatReader
from services.metrics.ingestion.faults import Faults
from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import Fault, FileRecord, UnreadableRest
from shared.contracts.chats import said
from shared.contracts.datasets import FILE_ENDINGS, PACKED_ENDINGS, DatasetKind, format_of
from shared.contracts.problems import FieldError
from shared.datasets import row_text
from shared.errors import InvalidData

# What tells a kind of rows, and is in the text that is measured.
TELLING = {
    DatasetKind.TEXT: ("text",),
    DatasetKind.COMPLETION: ("context", "completion"),
    DatasetKind.QA: ("question", "answer"),
    DatasetKind.CHAT: ("messages",),
}
MOST_CHARACTERS = 64_000_000
"""Of all texts of a file together: a compressed file may hold far more than its own size."""
Kept = tuple[DatasetKind | None, list[str]]


def file_texts(file: BinaryIO, name: str, field: str, most: int) -> Kept:
    """(kind of the rows, the text of each that is measured) of at most `most` rows.

    A row is {text}, {context, completion}, {question, answer} or {messages}; the first one decides for all.
    `name` is the file's own, of which only CSV and TSV are believed, `field` the part of the form it came in.
    The kind is None where there are no rows. Raises InvalidData for rows that hold no such text, and for a
    name whose ending is none of ours.
    """
    announced = format_of(name)
    if announced is None and "." in name:
        known = ", ".join(FILE_ENDINGS)
        raise InvalidData(
            f"`{field}`: {name[:100]!r} has an ending that is not known; known are {known}, each also packed "
            f"with {' or '.join(PACKED_ENDINGS)}",
            [FieldError(pointer=f"/{field}", detail=f"the name must end in one of {known}")],
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        with path.open("wb") as copy:
            while block := file.read(2**20):
                copy.write(block)
        return _texts(read_records(path, announced or "jsonl"), field, most)


def _texts(records: Iterator[FileRecord | Fault], field: str, most: int) -> Kept:
    kind: DatasetKind | None = None
    texts: list[str] = []
    faults = Faults()
    characters = 0
    try:
        for record in records:
            if isinstance(record, FileRecord):
                kind = kind or kind_of(record)
                text = _text(record, kind)
                if isinstance(text, str):
                    texts.append(text)
                    characters += len(text)
                    if len(texts) > most:
                        raise _too_many(field, f"{most} rows")
                    if characters > MOST_CHARACTERS:
                        raise _too_many(field, f"{MOST_CHARACTERS} characters")
                    continue
                record = text
            faults.add(record)
    except UnreadableRest as error:
        faults.add(error.fault)
    faults.raise_any(f"/{field}", f"/{field}")
    return kind, texts


def kind_of(record: FileRecord) -> DatasetKind | None:
    """The kind whose columns the row has; None when it has none's."""
    return next((kind for kind, names in TELLING.items() if set(names) <= set(record.values)), None)


def _text(record: FileRecord, kind: DatasetKind | None) -> str | Fault:
    if kind is None:
        needed = " or ".join(f"{{{', '.join(names)}}}" for names in TELLING.values())
        found = ", ".join(sorted(map(str, record.values))[:10])[:300] or "nothing"
        return Fault(
            record.number, record.line, None, f"a row has the columns {needed}; this one has {found}"
        )
    if kind is DatasetKind.CHAT:
        try:
            return said(ChatReader().messages(record.values.get("messages")))
        except BadMessage as error:
            return Fault(record.number, record.line, "messages", str(error))
    for column in TELLING[kind]:
        if not isinstance(record.values.get(column), str):
            return Fault(record.number, record.line, column, f"{column!r} must be there, and be text")
    return row_text(kind, record.values)


def _too_many(field: str, most: str) -> InvalidData:
    return InvalidData(
        f"`{field}` has more than {most}: upload it as a dataset and post a measurement.",
        [FieldError(pointer=f"/{field}", detail=f"at most {most} are measured at once")],
    )
