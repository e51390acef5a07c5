"""Every format gives the same rows; every kind of broken file is named with its place, and never read
whole."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import Fault, FileRecord, UnreadableRest

ROWS = [{"id": "a", "text": "one\nline “quoted”, with a comma"}, {"id": "b", "text": "ünï — 😀 שלום"}]


def write(path: Path, file_format: str) -> Path:
    match file_format:
        case "jsonl":
            path.write_text("\n".join(json.dumps(row) for row in ROWS) + "\n\n")
        case "json":
            path.write_text(json.dumps(ROWS, ensure_ascii=False, indent=2), encoding="utf-8")
        case "csv":
            with path.open("w", encoding="utf-8-sig", newline="") as file:
                writer = csv.DictWriter(file, ["id", "text"])
                writer.writeheader()
                writer.writerows(ROWS)
        case "parquet":
            pq.write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv", "parquet"])
def test_all_formats_give_the_same_rows(tmp_path: Path, file_format: Any) -> None:
    found = list(read_records(write(tmp_path / "rows", file_format), file_format))
    assert [record.values for record in found if isinstance(record, FileRecord)] == ROWS
    assert [record.number for record in found] == [0, 1]


def faults_in(path: Path, content: bytes, file_format: Any) -> list[Fault]:
    path.write_bytes(content)
    faults: list[Fault] = []
    try:
        faults.extend(found for found in read_records(path, file_format) if isinstance(found, Fault))
    except UnreadableRest as stop:
        faults.append(stop.fault)
    return faults


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b'{"text": "a"}\n{"text": \n', 2, "not JSON"),
        (b'{"text": "a"}\n\n[1]\n', 3, "this is a list"),
        (b'{"text": "a"}\nnull\n', 2, "this is null"),
        (b'{"text": "caf\xe9"}\n', 1, "byte 14 of the line (0xe9) is not UTF-8"),
        (b'{"text": Nan}\n', 1, "not JSON"),
        (b'{"text": "\\ud800"}\n', 1, "not JSON"),
        (b"\x00\x00\n", 1, "not JSON"),
    ],
)
def test_a_broken_line_of_jsonl_is_named_and_the_others_are_read(
    tmp_path: Path, content: bytes, line: int, says: str
) -> None:
    faults = faults_in(tmp_path / "rows", content + b'{"text": "z"}\n', "jsonl")
    assert [fault.line for fault in faults] == [line]
    assert says in faults[0].detail


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"id,text\na,1\nb\n", 3, "1 cells, and the header names 2"),
        (b'id,text\na,"never closed\n\n', 3, "not CSV"),
        (b"id,text\na,caf\xe9\n", 2, "not UTF-8"),
    ],
)
def test_broken_csv(tmp_path: Path, content: bytes, line: int, says: str) -> None:
    faults = faults_in(tmp_path / "rows", content, "csv")
    assert [fault.line for fault in faults] == [line]
    assert says in faults[0].detail


@pytest.mark.parametrize(
    ("content", "number", "says"),
    [
        (b'[{"text": "a"}, {"text": ', 1, "after 1 rows"),
        (b'[{"text": "a"} {"text": "b"}]', 1, "a comma"),
        (b'[{"text": "a"}', 1, "the end of the array"),
        (b'[{"text": "a"}]]', 1, "more behind"),
        (b'[{"text": "a"}, 7]', 1, "this is a number"),
        (b'[{"text": "caf\xe9"}]', 0, "UTF"),
    ],
)
def test_broken_json(tmp_path: Path, content: bytes, number: int, says: str) -> None:
    faults = faults_in(tmp_path / "rows", content, "json")
    assert [fault.number for fault in faults] == [number]
    assert says in faults[0].detail


def test_a_file_that_is_no_parquet(tmp_path: Path) -> None:
    (fault,) = faults_in(tmp_path / "rows", b"PAR1 not really", "parquet")
    assert "not readable as Parquet" in fault.detail


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv"])
def test_a_row_too_large_for_memory_is_refused_before_it_is_read(tmp_path: Path, file_format: Any) -> None:
    path = tmp_path / "rows"
    opening = {"jsonl": b'{"text": "', "json": b'[{"text": "', "csv": b'id,text\na,"'}[file_format]
    with path.open("wb") as file:
        file.write(opening)
        file.truncate(2**31)  # a sparse row of 2 GiB
    with pytest.raises(UnreadableRest) as stopped:
        list(read_records(path, file_format))
    assert stopped.value.fault.number in (0, 1)


def test_pointers_escape_what_json_pointers_must() -> None:
    assert Fault(3, None, "a/b~c", "").pointer == "/rows/3/a~1b~0c"
