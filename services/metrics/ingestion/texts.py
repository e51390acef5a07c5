"""The texts of a small file of rows that is measured at once and kept nowhere."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import Fault, FileRecord, UnreadableRest
from shared.contracts.datasets import DatasetKind, FileFormat
from shared.contracts.problems import FieldError
from shared.datasets import row_text
from shared.errors import InvalidData

FORMATS: dict[str, FileFormat] = {".jsonl": "jsonl", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
# What tells a kind of rows, and is in the text that is measured.
TELLING = {
    DatasetKind.TEXT: ("text",),
    DatasetKind.COMPLETION: ("context", "completion"),
    DatasetKind.QA: ("question", "answer"),
}
MOST_FAULTS = 20
MOST_CHARACTERS = 64_000_000
"""Of all texts of a file together: a compressed file may hold far more than its own size."""
Kept = tuple[DatasetKind | None, list[str]]


def file_texts(file: BinaryIO, name: str, field: str, most: int) -> Kept:
    """(kind of the rows, the text of each that is measured) of at most `most` rows.

    A row is {text}, {context, completion} or {question, answer}; the first one decides for all. `name` is the
    file's own, whose ending says the format (JSON lines where it says nothing), `field` the part of the form
    it came in. The kind is None where there are no rows. Raises InvalidData for rows that hold no such text.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        with path.open("wb") as copy:
            while block := file.read(2**20):
                copy.write(block)
        return _texts(read_records(path, FORMATS.get(Path(name).suffix.lower(), "jsonl")), field, most)


def _texts(records: Iterator[FileRecord | Fault], field: str, most: int) -> Kept:
    kind: DatasetKind | None = None
    texts: list[str] = []
    faults: list[Fault] = []
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
            faults.append(record)
            if len(faults) == MOST_FAULTS:
                break
    except UnreadableRest as error:
        faults.append(error.fault)
    if faults:
        raise InvalidData(
            f"{_place(faults[0])} of `{field}`: {faults[0].detail}",
            [FieldError(pointer=f"/{field}{fault.pointer}", detail=fault.detail) for fault in faults],
        )
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
    for column in TELLING[kind]:
        if not isinstance(record.values.get(column), str):
            return Fault(record.number, record.line, column, f"{column!r} must be there, and be text")
    return row_text(kind, record.values)


def _too_many(field: str, most: str) -> InvalidData:
    return InvalidData(
        f"`{field}` has more than {most}: upload it as a dataset and post a measurement.",
        [FieldError(pointer=f"/{field}", detail=f"at most {most} are measured at once")],
    )


def _place(fault: Fault) -> str:
    return f"row {fault.number}" if fault.line is None else f"line {fault.line}"
