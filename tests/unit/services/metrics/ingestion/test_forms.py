"""Whatever form a file has, and whatever its name says, the same rows are read; what is none is named."""

from __future__ import annotations

import datetime
import decimal
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.metrics.ingestion.forms import recognised
from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import Fault, FileRecord, UnreadableRest
from shared.contracts.datasets import format_of
from shared.folders import own_folder

Rows = list[dict[str, str]]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=40)


def as_lines(rows: Rows) -> bytes:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def as_array(rows: Rows) -> bytes:
    return json.dumps(rows).encode()


def indented(rows: Rows) -> bytes:
    return json.dumps(rows, indent=1, ensure_ascii=False).encode()


def objects(rows: Rows) -> bytes:
    return "\n".join(json.dumps(row, indent=2) for row in rows).encode()


def table(rows: Rows, delimiter: str) -> bytes:
    def cell(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    head = delimiter.join(rows[0])
    return "\n".join([head, *(delimiter.join(cell(row[name]) for name in rows[0]) for row in rows)]).encode()


def parquet(rows: Rows) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue())


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, "zstd", asbytes=True))


WRITERS = {
    "lines": as_lines,
    "array": as_array,
    "indented array": indented,
    "indented objects": objects,
    "Parquet": parquet,
}
PACKERS = {
    "": lambda content: content,
    "gzip": gzip.compress,
    "two members": lambda content: gzip.compress(content[:7]) + gzip.compress(content[7:]),
    "Zstandard": zstd,
    "a byte order mark": lambda content: b"\xef\xbb\xbf" + content,
}


def read(content: bytes, announced: Any) -> list[FileRecord | Fault]:
    with own_folder() as folder:
        path = Path(folder) / "rows"
        path.write_bytes(content)
        return list(read_records(path, announced))


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(st.fixed_dictionaries({"id": TEXT, "text": TEXT}), min_size=1, max_size=5),
    written=st.sampled_from(sorted(WRITERS)),
    packed=st.sampled_from(sorted(PACKERS)),
    announced=st.sampled_from(["auto", "jsonl", "json", "csv", "tsv", "parquet"]),
)
def test_the_same_rows_come_of_every_form(rows: Rows, written: str, packed: str, announced: str) -> None:
    if written == "Parquet" and packed == "a byte order mark":
        packed = ""
    found = read(PACKERS[packed](WRITERS[written](rows)), announced)
    assert [record.values for record in found if isinstance(record, FileRecord)] == rows
    assert [record.number for record in found] == list(range(len(rows)))


@settings(deadline=None, max_examples=30)
@given(
    rows=st.lists(st.fixed_dictionaries({"id": TEXT, "text": TEXT}), min_size=1, max_size=5),
    kind=st.sampled_from([("csv", ","), ("tsv", "\t"), ("csv", "\t"), ("csv", ";"), ("auto", "\t")]),
)
def test_tables_with_tabs_and_semicolons_are_read(rows: Rows, kind: tuple[str, str]) -> None:
    found = read(table(rows, kind[1]), kind[0])
    assert [record.values for record in found if isinstance(record, FileRecord)] == rows


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"PK\x03\x04xl/workbook.xml", "Excel"),
        (b"ARROW1\x00\x00", "Arrow"),
        (b"\xff\xff\xff\xff\x10\x00", "Arrow stream"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\x00", "xz"),
        (b"%PDF-1.7", "PDF"),
        ("text\nx".encode("utf-16"), "UTF-16"),
        (b"SQLite format 3\x00", "SQLite"),
        (b"\x89HDF\r\n", "HDF5"),
        (gzip.compress(b"a" * 5000)[:40], "unpack"),
        (b"\x28\xb5\x2f\xfdnot really", "Zstandard"),
        (gzip.compress(b"PK\x03\x04"), "zip archive"),
    ],
    ids=lambda value: value if isinstance(value, str) else "bytes",
)
@pytest.mark.parametrize("announced", ["auto", "jsonl", "parquet"])
def test_what_is_no_file_of_rows_is_named_for_what_it_is(content: bytes, named: str, announced: str) -> None:
    with pytest.raises(UnreadableRest) as raised:
        read(content, announced)
    assert named in raised.value.fault.detail


def test_a_file_that_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.metrics.ingestion.forms.UNPACKED_LEAST", 2**20)
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(b" " * 2**26))
    with pytest.raises(UnreadableRest) as raised, recognised(path):
        pass
    assert "too large" in raised.value.fault.detail


def test_a_header_twice_is_refused_as_a_column_and_as_a_row() -> None:
    with pytest.raises(UnreadableRest) as raised:
        read(b"text,id,text\na,1,b\n", "csv")
    assert "'text'" in raised.value.fault.detail
    faults = [found for found in read(b"id,text\n1,a\nid,text\n2,b\n", "csv") if isinstance(found, Fault)]
    assert [fault.line for fault in faults] == [3]
    twins = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    sink = pa.BufferOutputStream()
    pq.write_table(twins, sink)
    with pytest.raises(UnreadableRest) as raised:
        read(bytes(sink.getvalue()), "parquet")
    assert "the columns text more than once" in raised.value.fault.detail


@pytest.mark.parametrize("array", [False, True])
def test_numbers_as_python_writes_them_are_read(array: bool) -> None:
    """NaN and Infinity are null; a whole number of more than 64 bits keeps all its digits, as text."""
    row = '{"text": "a", "score": NaN, "best": -Infinity, "hash": 123456789012345678901234567890, "n": 7}'
    (found,) = read((f"[{row}]" if array else row).encode(), "json")
    assert isinstance(found, FileRecord)
    big = "123456789012345678901234567890"
    assert found.values == {"text": "a", "score": None, "best": None, "hash": big, "n": 7}


def test_parquet_s_times_decimals_and_bytes_are_text_and_images_are_left_out_by_name() -> None:
    columns = {
        "text": pa.array([b"a row of Spark", "ünï".encode()], pa.binary()),
        "made": pa.array([1_700_000_000_000_000_001, None], pa.timestamp("ns")),
        "day": pa.array([datetime.date(2024, 2, 29), None]),
        "took": pa.array([datetime.timedelta(seconds=90), None]),
        "price": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(10, 2)),
        "image": pa.array([{"bytes": b"\x89PNG\xff", "path": "a.png"}, {"bytes": None, "path": "b.png"}]),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    first, second = read(bytes(sink.getvalue()), "parquet")
    assert isinstance(first, FileRecord)
    assert isinstance(second, FileRecord)
    assert first.values == {
        "text": "a row of Spark",
        "made": "2023-11-14 22:13:20.000000001",
        "day": "2024-02-29",
        "took": "0:01:30",
        "price": "1.50",
        "image": {"bytes": None, "path": "a.png"},
    }
    assert first.left_out == ("image",)
    assert second.values["text"] == "ünï"
    assert second.left_out == ()


@pytest.mark.parametrize(
    ("name", "announced"),
    [
        ("a.jsonl", "jsonl"),
        ("A.JSONL.GZ", "jsonl"),
        ("a.ndjson.zst", "jsonl"),
        ("b.tsv", "tsv"),
        ("b.xlsx", None),
        ("rows", None),
    ],
)
def test_a_name_says_a_format_whether_packed_or_not(name: str, announced: str | None) -> None:
    assert format_of(name) == announced
