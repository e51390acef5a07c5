"""CSV and its kin: a header row, then rows; double quotes, and line ends inside quotes (RFC 4180)."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from services.metrics.ingestion.lines import numbered_lines, undecodable
from services.metrics.ingestion.records import MAX_ROW_BYTES, Fault, FileRecord, UnreadableRest


def table_records(path: Path, delimiter: str) -> Iterator[FileRecord | Fault]:
    """The rows. Raises UnreadableRest for a header that names a column twice, or quotes without an end."""
    csv.field_size_limit(MAX_ROW_BYTES)
    with path.open("rb") as file:
        rows = csv.reader(_DecodedLines(file), strict=True, delimiter=delimiter)
        number = 0
        try:
            header = next(rows, [])
            _refuse_twins(header)
            for cells in rows:
                if not cells:
                    continue
                yield _row(number, rows.line_num, header, cells)
                number += 1
        except csv.Error as error:
            raise UnreadableRest(Fault(number, rows.line_num, None, f"not CSV: {error}")) from error


def _refuse_twins(header: list[str]) -> None:
    twins = [name for name, count in Counter(header).items() if count > 1]
    if twins:
        named = ", ".join(repr(name) for name in twins[:10])[:300]
        detail = f"the header names {named} more than once: one of each would be lost; rename or remove it"
        raise UnreadableRest(Fault(0, 1, None, detail))


def _row(number: int, line: int, header: list[str], cells: list[str]) -> FileRecord | Fault:
    if len(cells) != len(header):
        detail = f"{len(cells)} cells, and the header names {len(header)} columns"
        return Fault(number, line, None, detail, kind="cells")
    if cells == header:
        detail = "the line is the header again (two files in one?): remove it"
        return Fault(number, line, None, detail)
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
