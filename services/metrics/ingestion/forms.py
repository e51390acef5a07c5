"""What a file is, by its bytes: its name, or what was announced, is believed only where bytes cannot tell."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from services.metrics.ingestion.lines import BYTE_ORDER_MARK
from services.metrics.ingestion.records import MAX_ROW_BYTES, Fault, UnreadableRest
from shared.contracts.datasets import FileFormat
from shared.folders import own_folder

Reader = Literal["lines", "array", "values", "table", "parquet"]
UNPACKED_LEAST = 2**30
UNPACKED_TIMES = 30
"""A file may be unpacked to so many times its bytes, and to a GiB if it is small: zstd packs prose five
times, and rows that a Parquet file holds in a dictionary repeat more than they tell."""
_BLOCK = 2**20
_PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "Zstandard"}
_OTHERS = {
    b"ARROW1": ("an Arrow file", "write it as Parquet"),
    b"\xff\xff\xff\xff": ("an Arrow stream", "write it as Parquet"),
    b"PK": ("a zip archive", "unpack it; of an Excel workbook, save the sheet as CSV (UTF-8)"),
    b"\xd0\xcf\x11\xe0": ("an Excel workbook or another old Office file", "save the sheet as CSV (UTF-8)"),
    b"BZh": ("compressed with bzip2", "decompress it first, or pack it with gzip or Zstandard"),
    b"\xfd7zXZ": ("compressed with xz", "decompress it first, or pack it with gzip or Zstandard"),
    b"7z\xbc\xaf": ("a 7-Zip archive", "unpack it first"),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV or JSON lines"),
    b"\x89HDF": ("an HDF5 file", "write it as Parquet"),
    b"%PDF": ("a PDF document", "upload rows: JSON lines, CSV or Parquet"),
    b"ORC": ("an ORC file", "write it as Parquet"),
    b"Obj\x01": ("an Avro file", "write it as Parquet"),
    b"\xff\xfe": ("text in UTF-16", "save it as UTF-8"),
    b"\xfe\xff": ("text in UTF-16", "save it as UTF-8"),
}
"""First bytes → what begins with them and is not read, and what to do."""


@dataclass(frozen=True)
class FileForm:
    """How a file is read. `said` is what it was taken for, in words; `packed` how it was compressed."""

    path: Path
    reader: Reader
    said: str
    delimiter: str = ","
    packed: str | None = None


def most_unpacked(size: int) -> int:
    """Bytes that may come of a file of this size."""
    return max(UNPACKED_LEAST, UNPACKED_TIMES * size)


@contextmanager
def recognised(path: Path, announced: FileFormat = "auto") -> Iterator[FileForm]:
    """The file's form; of a compressed one, that of its content, which is unpacked into a folder of its own
    while this lasts. Raises UnreadableRest for what is none of ours, by its name, and for what unpacks to
    more than `most_unpacked`."""
    packed = next((name for magic, name in _PACKED.items() if _start(path).startswith(magic)), None)
    if packed is None:
        yield _form(path, announced)
        return
    with own_folder() as folder:
        plain = Path(folder) / "unpacked"
        _unpack(path, plain, packed)
        yield replace(_form(plain, announced), packed=packed)


def _unpack(path: Path, plain: Path, packed: str) -> None:
    most, written = most_unpacked(path.stat().st_size), 0
    try:
        with _opened(path, packed) as source, plain.open("wb") as target:
            while block := source.read(_BLOCK):
                written += len(block)
                if written > most:
                    raise _refused(
                        f"the file is too large: it unpacks to over {most / 2**30:.1f} GiB, the most that "
                        "may come of one of its size; split it"
                    )
                target.write(block)
    except (OSError, EOFError, ValueError) as error:
        raise _refused(
            f"the file is compressed with {packed}, and cannot be unpacked ({error}): upload it again, or "
            "unpack it first"
        ) from error


def _opened(path: Path, packed: str) -> Any:
    """A file that reads what was packed."""
    return gzip.open(path) if packed == "gzip" else pa.input_stream(str(path), compression="zstd")


def _form(path: Path, announced: FileFormat) -> FileForm:
    start = _start(path)
    if start.startswith(b"PAR1"):
        return FileForm(path, "parquet", "Parquet")
    for magic, (what, advice) in _OTHERS.items():
        if start.startswith(magic):
            raise _refused(f"the file is {what}, which is not read: {advice}")
    text = start.removeprefix(BYTE_ORDER_MARK).lstrip()
    if text.startswith(b"["):
        return FileForm(path, "array", "a JSON array")
    if text.startswith(b"{"):
        return _objects(path)
    if announced == "parquet":
        return FileForm(path, "parquet", "Parquet")
    if announced in ("jsonl", "json"):
        return FileForm(path, "lines", "JSON lines")
    return _table(path, text, announced)


def _objects(path: Path) -> FileForm:
    """One object a line, or objects that go over several lines."""
    with path.open("rb") as file:
        line = file.readline(_BLOCK)
        while line and not line.removeprefix(BYTE_ORDER_MARK).strip():
            line = file.readline(_BLOCK)
        rest = file.read(MAX_ROW_BYTES - len(line)) if _goes_on(line) else b""
    if rest and _first_value_is_over_lines(line, rest):
        return FileForm(path, "values", "JSON objects over several lines")
    return FileForm(path, "lines", "JSON lines")


def _goes_on(line: bytes) -> bool:
    """Whether the first line alone is no JSON, and may be the beginning of some."""
    try:
        json.loads(line.removeprefix(BYTE_ORDER_MARK))
    except UnicodeDecodeError:
        return False
    except (ValueError, RecursionError):
        return line.endswith(b"\n")
    return False


def _first_value_is_over_lines(line: bytes, rest: bytes) -> bool:
    text = (line + rest).decode("utf-8", "replace").lstrip("\ufeff").lstrip()
    try:
        first, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        # No JSON either way: an opening brace alone on its line is no row that was spoilt.
        return line.removeprefix(BYTE_ORDER_MARK).strip() == b"{"
    return isinstance(first, dict)


def _table(path: Path, text: bytes, announced: FileFormat) -> FileForm:
    header = text.partition(b"\n")[0]
    if announced == "tsv" or (b"\t" in header and b"," not in header):
        return FileForm(path, "table", "TSV", "\t")
    if b";" in header and b"," not in header:
        return FileForm(path, "table", "CSV with semicolons", ";")
    return FileForm(path, "table", "CSV")


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(2**16)


def _refused(detail: str) -> UnreadableRest:
    return UnreadableRest(Fault(0, None, None, detail))
