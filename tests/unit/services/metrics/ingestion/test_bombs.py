"""Small files that would fill the memory: read row by row, or refused with what to do."""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.metrics.ingestion.bombs import MAX_NESTED_VALUES, MAX_VALUES_A_ROW, MAX_WIDTH
from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import FileRecord, UnreadableRest

ROOT = Path(__file__).resolve().parents[5]
COUNT = """
import json, resource, sys
from pathlib import Path
from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import FileRecord, UnreadableRest

rows = characters = 0
faults = []
try:
    for row in read_records(Path(sys.argv[1]), "parquet"):
        if isinstance(row, FileRecord):
            rows += 1
            characters += len(row.values["text"])
        else:
            faults.append((row.number, row.column, row.detail))
except UnreadableRest as stop:
    faults.append((stop.fault.number, stop.fault.column, stop.fault.detail))
status = Path("/proc/self/status").read_text().split()  # ru_maxrss would count what was before the exec
reader = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
peak = max(int(status[status.index("VmHWM:") + 1]), reader) * 1024
print(json.dumps((peak, rows, characters, faults)))
"""


def test_one_text_in_thousands_of_rows_is_not_multiplied(tmp_path: Path) -> None:
    """4 MiB, 500 times: 2 GB as rows, some KB as a file."""
    path = tmp_path / "bomb.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 500, pa.int32()), pa.array(["x" * 2**22]))
    pq.write_table(pa.table({"text": texts}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    rows, characters, faults = read_in_little_memory(path)
    assert (rows, characters, faults) == (500, 500 * 2**22, [])


def bomb(column: str) -> pa.Array:
    """Rows of which the second holds 8 GB, as 4 MiB that are repeated 2,000 times."""
    big, each = pa.array(["x" * 2**22]), 2000
    repeated = pa.DictionaryArray.from_arrays(pa.array([0] * each, pa.int32()), big)
    lists = pa.ListArray.from_arrays([0, 0, each, each], repeated)
    if column == "texts":
        return lists
    if column == "struct":
        return pa.StructArray.from_arrays([pa.array([1, 2, 3]), lists], ["n", "texts"])
    if column == "lists of lists":
        inner = pa.ListArray.from_arrays(list(range(each + 1)), repeated)
        return pa.ListArray.from_arrays([0, 0, each, each], inner)
    if column == "map":
        keys = pa.array([str(n) for n in range(each)])
        return pa.MapArray.from_arrays([0, 0, each, each], keys, repeated)
    if column == "list of structs":
        inner = pa.StructArray.from_arrays([repeated], ["text"])
        return pa.ListArray.from_arrays([0, 0, each, each], inner)
    assert column == "list of binary"
    binary = pa.DictionaryArray.from_arrays(repeated.indices, big.cast(pa.binary()))
    return pa.ListArray.from_arrays([0, 0, each, each], binary)


@pytest.mark.parametrize(
    "column", ["texts", "struct", "lists of lists", "map", "list of structs", "list of binary"]
)
def test_a_cell_that_repeats_a_text_is_refused_and_the_other_rows_are_read(
    tmp_path: Path, column: str
) -> None:
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table({"text": ["a", "b", "c"], column: bomb(column)}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    rows, characters, faults = read_in_little_memory(path)
    assert (rows, characters) == (2, 2)
    assert [(number, name) for number, name, _ in faults] == [(1, column)]
    assert "the row takes 8000 MiB when it is unpacked" in faults[0][2]
    assert "leave the column out" in faults[0][2]


def test_a_text_of_an_extension_type_is_kept_in_its_dictionary(tmp_path: Path) -> None:
    path = tmp_path / "json.parquet"
    texts = pa.array(['"' + "x" * 2**22 + '"'] * 128).cast(pa.json_())
    pq.write_table(pa.table({"text": ["a"] * 128, "more": texts}), path, compression="zstd")
    assert read_in_little_memory(path)[0] == 128


def read_in_little_memory(path: Path, most: int = 400 * 2**20) -> tuple[int, int, list[tuple[int, str, str]]]:
    """(rows, characters of their texts, faults) as read by a process that may have 3 GB of address space;
    neither it nor its reader took more than `most` bytes of memory."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))

    ran = subprocess.run(
        [sys.executable, "-c", COUNT, path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        env={"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    peak, rows, characters, faults = json.loads(ran.stdout)
    assert peak < most
    return rows, characters, [tuple(fault) for fault in faults]


def test_a_column_of_zeros_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "zeros.parquet"
    texts = pa.array(["0" * 2**20] * 1100)
    pq.write_table(
        pa.table({"text": texts}), path, compression="zstd", use_dictionary=False, write_statistics=False
    )
    assert path.stat().st_size < 2**20
    with pytest.raises(UnreadableRest) as refused:
        next(read_records(path, "parquet"))
    assert "1.1 GiB of text in one row group" in refused.value.fault.detail


def test_a_list_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    lists = pa.array([[7] * (MAX_VALUES_A_ROW + 1)])
    pq.write_table(pa.table({"text": ["a"], "more": lists}), path, compression="zstd")
    with pytest.raises(UnreadableRest) as refused:
        next(read_records(path, "parquet"))
    assert "values of more" in refused.value.fault.detail


def test_one_row_with_all_values_of_a_group_is_refused(tmp_path: Path) -> None:
    """On average a row has few; one has 33 million."""
    path = tmp_path / "row.parquet"
    rows = 400
    ends = [0] + [MAX_NESTED_VALUES + 1] * rows
    lists = pa.ListArray.from_arrays(ends, pa.nulls(MAX_NESTED_VALUES + 1, pa.int8()))
    pq.write_table(pa.table({"text": ["a"] * rows, "more": lists}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableRest) as refused:
        next(read_records(path, "parquet"))
    assert "in the lists of one row group, with more.list.element" in refused.value.fault.detail


def test_wide_values_are_refused_because_no_dictionary_holds_them(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    values = pa.array([b"0" * (MAX_WIDTH + 1)] * 2, pa.binary(MAX_WIDTH + 1))
    pq.write_table(pa.table({"text": ["a", "b"], "more": values}), path, compression="zstd")
    with pytest.raises(UnreadableRest) as refused:
        next(read_records(path, "parquet"))
    assert f"values of {MAX_WIDTH + 1} bytes in more" in refused.value.fault.detail


def test_many_columns_of_zeros_are_refused_together(tmp_path: Path) -> None:
    path = tmp_path / "zeros.parquet"
    zeros = pa.array(["0" * 2**20] * 700)
    table = pa.table({"text": zeros, "more": zeros, "most": zeros})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    with pytest.raises(UnreadableRest) as refused:
        next(read_records(path, "parquet"))
    assert "2.1 GiB in one row group" in refused.value.fault.detail


def test_a_footer_that_lies_about_its_values_takes_no_more_memory(tmp_path: Path) -> None:
    """It says a thousand; the page has 200 million, in one row: 2 GB of levels and values."""
    path = tmp_path / "lists.parquet"
    values = 200_000_000
    lists = pa.ListArray.from_arrays([0, values], pa.nulls(values, pa.int8()))
    table = pa.table({"text": ["a"], "more": lists})
    pq.write_table(table, path, compression="zstd", write_statistics=False)
    lie(path, values, 1000)
    assert [chunk.num_values for chunk in chunks(path)] == [1, 1000]
    assert "too much memory" in refused_in_little_memory(path)


def test_many_different_texts_take_the_memory_of_a_few(tmp_path: Path) -> None:
    path = different_texts(tmp_path)
    assert read_in_little_memory(path) == (900, 900 * 2**20, [])


def test_a_footer_that_lies_about_its_bytes_takes_no_more_memory(tmp_path: Path) -> None:
    """Texts of 1 MiB each that are said to take 1,000 bytes together: all of them would be read at once."""
    path = different_texts(tmp_path)
    lie(path, chunks(path)[0].total_uncompressed_size, 1000)
    assert [chunk.total_uncompressed_size for chunk in chunks(path)] == [1000]
    assert "too much memory" in refused_in_little_memory(path)


def different_texts(folder: Path) -> Path:
    """900 of 1 MiB, in as many pages of one row group."""
    path = folder / "texts.parquet"
    texts = pa.array([f"{number:04}".ljust(2**20, "0") for number in range(900)])
    pq.write_table(
        pa.table({"text": texts}),
        path,
        compression="zstd",
        use_dictionary=False,
        write_statistics=False,
        write_batch_size=1,
    )
    return path


def chunks(path: Path) -> list[pq.ColumnChunkMetaData]:
    metadata = pq.read_metadata(path)
    assert metadata.num_row_groups == 1
    return [metadata.row_group(0).column(number) for number in range(metadata.num_columns)]


def lie(path: Path, true: int, false: int) -> None:
    """Put another number, in as many bytes, wherever the footer has that one."""
    content = path.read_bytes()
    (length,) = struct.unpack("<I", content[-8:-4])
    footer = content[-8 - length : -8]
    written = varint(true)
    assert written in footer
    footer = footer.replace(written, varint(false, len(written)))
    path.write_bytes(content[: -8 - length] + footer + content[-8:])


def varint(number: int, width: int = 1) -> bytes:
    """A whole number as Thrift's compact protocol writes it, in at least so many bytes."""
    zigzag = number << 1
    groups = [zigzag >> shift & 0x7F for shift in range(0, max(zigzag.bit_length(), 7 * width), 7)]
    return bytes([group | 0x80 for group in groups[:-1]] + groups[-1:])


def refused_in_little_memory(path: Path) -> str:
    rows, _, faults = read_in_little_memory(path, 700 * 2**20)
    assert rows == 0
    return faults[-1][2]


def test_the_reader_has_none_of_the_services_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It unpacks, in native code, what strangers wrote; and it ends with whoever asked for the rows."""
    monkeypatch.setenv("GAMUT_S3_SECRET_KEY", "a secret")
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": [str(number) * 1000 for number in range(3000)]}), path)
    others = children()
    rows = read_records(path, "parquet")
    next(rows)
    (reader,) = children() - others
    assert b"a secret" not in Path(f"/proc/{reader}/environ").read_bytes()
    rows.close()  # type: ignore[attr-defined]
    assert reader not in children()


def children() -> set[str]:
    return {pid for task in Path("/proc/self/task").glob("*/children") for pid in task.read_text().split()}


def test_an_ordinary_file_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = [{"text": f"row {n}", "n": n, "tags": [str(n)], "none": None} for n in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    found = list(read_records(path, "parquet"))
    assert [record.values for record in found if isinstance(record, FileRecord)] == rows
