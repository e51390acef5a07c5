"""A file as lines of text, each checked before it is decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from services.metrics.ingestion.records import MAX_ROW_BYTES, Fault, UnreadableRest

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
Line = tuple[int, bytes]


def numbered_lines(file: BinaryIO) -> Iterator[Line]:
    """(line number from 1, bytes) of each line, the end of line included.

    Raises UnreadableRest at a line of more than MAX_ROW_BYTES, of which no more than that is ever read.
    """
    number = 0
    while line := file.readline(MAX_ROW_BYTES + 1):
        number += 1
        if len(line) > MAX_ROW_BYTES:
            raise UnreadableRest(
                Fault(
                    number - 1,
                    number,
                    None,
                    f"line {number} is longer than {MAX_ROW_BYTES // 2**20} MiB: put one row on a line",
                )
            )
        yield number, line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line


def undecodable(line: bytes) -> str | None:
    """Why the bytes are not UTF-8, or None when they are."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        byte = f"byte {error.start + 1} of the line (0x{line[error.start]:02x})"
        return f"{byte} is not UTF-8: save the file as UTF-8"
    return None
