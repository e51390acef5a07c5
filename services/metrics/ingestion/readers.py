"""A file's records, by what it is (`forms`). Each reader streams: memory holds a row, or a block of rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from services.metrics.ingestion.forms import FileForm, recognised
from services.metrics.ingestion.lines import numbered_lines, undecodable
from services.metrics.ingestion.parquet import parquet_records
from services.metrics.ingestion.records import Fault, FileRecord
from services.metrics.ingestion.tables import table_records
from services.metrics.ingestion.values import NotJson, kind_of_value, loads, value_records
from shared.contracts.datasets import FileFormat

Records = Iterator[FileRecord | Fault]


def read_records(path: Path, file_format: FileFormat = "auto") -> Records:
    """The file's rows, in order. Raises UnreadableRest when the rest of the file makes no sense."""
    with recognised(path, file_format) as form:
        yield from records_of(form)


def records_of(form: FileForm) -> Records:
    """The same, of a file that was looked at."""
    match form.reader:
        case "lines":
            return _lines(form.path)
        case "array" | "values":
            return value_records(form.path, in_array=form.reader == "array")
        case "table":
            return table_records(form.path, form.delimiter)
        case "parquet":
            return parquet_records(form.path)


def _lines(path: Path) -> Records:
    number = 0
    with path.open("rb") as file:
        for line, content in numbered_lines(file):
            if not content.strip():
                continue
            yield _line(number, line, content)
            number += 1


def _line(number: int, line: int, content: bytes) -> FileRecord | Fault:
    if why := undecodable(content):
        return Fault(number, line, None, why, kind="encoding")
    try:
        values = loads(content)
    except NotJson as error:
        return Fault(number, line, None, str(error), kind="json")
    if not isinstance(values, dict):
        detail = f"a row is a JSON object, and this is {kind_of_value(values)}"
        return Fault(number, line, None, detail, kind="object")
    return FileRecord(number, line, values)
