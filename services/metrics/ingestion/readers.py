"""One reader a format. Each streams: memory holds a row, or for Parquet a batch of rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import ijson
import orjson

from services.metrics.ingestion.lines import numbered_lines, undecodable
from services.metrics.ingestion.parquet import parquet_records
from services.metrics.ingestion.records import MAX_ROW_BYTES, Fault, FileRecord, UnreadableRest
from shared.contracts.datasets import FileFormat

Reader = Callable[[Path], Iterator[FileRecord | Fault]]


def read_records(path: Path, file_format: FileFormat) -> Iterator[FileRecord | Fault]:
    """The file's rows, in order. Raises UnreadableRest when the rest of the file makes no sense."""
    return READERS[file_format](path)


def _jsonl(path: Path) -> Iterator[FileRecord | Fault]:
    number = 0
    with path.open("rb") as file:
        for line, content in numbered_lines(file):
            if not content.strip():
                continue
            yield _json_line(number, line, content)
            number += 1


def _json_line(number: int, line: int, content: bytes) -> FileRecord | Fault:
    if why := undecodable(content):
        return Fault(number, line, None, why)
    try:
        values = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        return Fault(number, line, None, f"not JSON at column {error.colno}: {error.msg}")
    if not isinstance(values, dict):
        return Fault(number, line, None, f"a row is a JSON object, and this is {_kind(values)}")
    return FileRecord(number, line, values)


def _json(path: Path) -> Iterator[FileRecord | Fault]:
    """A JSON array of objects."""
    with path.open("rb") as file:
        bounded = _BoundedRows(file)
        number = 0
        try:
            for values in ijson.items(bounded, "item", use_float=True):
                bounded.start_row()
                if isinstance(values, dict):
                    yield FileRecord(number, None, values)
                else:
                    yield Fault(number, None, None, f"a row is a JSON object, and this is {_kind(values)}")
                number += 1
        except ijson.JSONError as error:
            why = " ".join(str(error).split())[:200]
            raise UnreadableRest(
                Fault(number, None, None, f"not a JSON array of objects, after {number} rows: {why}")
            ) from error
        except UnicodeDecodeError as error:
            raise UnreadableRest(
                Fault(number, None, None, "the file is not UTF-8: save it as UTF-8")
            ) from error
        except _RowTooLarge as error:
            detail = f"the row is larger than {MAX_ROW_BYTES // 2**20} MiB"
            raise UnreadableRest(Fault(number, None, None, detail)) from error
    if number == 0 and not _starts_an_array(path):
        raise UnreadableRest(Fault(0, None, None, "the file holds no JSON array: write [ {row}, {row}, … ]"))


class _RowTooLarge(Exception):
    pass


class _BoundedRows:
    """A file that stops a reader which has taken more than a row may be since the last row ended."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._since_row = 0

    def start_row(self) -> None:
        self._since_row = 0

    def read(self, size: int) -> bytes:
        block = self._file.read(size)
        self._since_row += len(block)
        if self._since_row > MAX_ROW_BYTES + 2 * 2**16:  # the reader's own read-ahead
            raise _RowTooLarge
        return block


def _starts_an_array(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def _csv(path: Path) -> Iterator[FileRecord | Fault]:
    """A header row, then rows; commas, double quotes, and line ends inside quotes (RFC 4180)."""
    csv.field_size_limit(MAX_ROW_BYTES)
    with path.open("rb") as file:
        lines = _DecodedLines(file)
        rows = csv.reader(lines, strict=True)
        number = 0
        try:
            header = next(rows, [])
            for cells in rows:
                if not cells:
                    continue
                yield _csv_row(number, rows.line_num, header, cells)
                number += 1
        except csv.Error as error:
            raise UnreadableRest(Fault(number, rows.line_num, None, f"not CSV: {error}")) from error


def _csv_row(number: int, line: int, header: list[str], cells: list[str]) -> FileRecord | Fault:
    if len(cells) != len(header):
        return Fault(number, line, None, f"{len(cells)} cells, and the header names {len(header)} columns")
    return FileRecord(number, line, dict(zip(header, cells, strict=True)))


class _DecodedLines:
    """Lines as text for the CSV reader. Raises UnreadableRest at one that is not UTF-8, as its quotes may run
    on."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines = numbered_lines(file)

    def __iter__(self) -> Iterator[str]:
        for number, line in self._lines:
            if why := undecodable(line):
                raise UnreadableRest(Fault(max(0, number - 2), number, None, why))
            yield line.decode()


def _kind(value: object) -> str:
    names = {type(None): "null", bool: "a truth value", str: "a string", list: "a list"}
    return names.get(type(value), "a number")


READERS: dict[FileFormat, Reader] = {"jsonl": _jsonl, "json": _json, "csv": _csv, "parquet": parquet_records}
