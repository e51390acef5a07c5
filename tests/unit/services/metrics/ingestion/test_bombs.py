"""Small files that would fill the memory: read row by row, or refused with what to do."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.metrics.ingestion.bombs import MAX_NESTED_VALUES, MAX_VALUES_A_ROW, MAX_WIDTH
from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import Record, Unreadable

ROOT = Path(__file__).resolve().parents[5]
COUNT = """
import json, sys
from pathlib import Path
from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import Record

rows = characters = 0
faults = []
for row in read_records(Path(sys.argv[1]), "parquet"):
    if isinstance(row, Record):
        rows += 1
        characters += len(row.values["text"])
    else:
        faults.append((row.number, row.column, row.detail))
status = Path("/proc/self/status").read_text().split()  # ru_maxrss would count what was before the exec
peak = int(status[status.index("VmHWM:") + 1]) * 1024
print(json.dumps((peak, rows, characters, faults)))
"""


def test_one_text_in_thousands_of_rows_is_not_multiplied(tmp_path: Path) -> None:
    """4 MiB, 2,000 times: 8 GB as rows, some KB as a file."""
    path = tmp_path / "bomb.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * 2**22]))
    pq.write_table(pa.table({"text": texts}), path, compression="zstd")
    assert path.stat().st_size < 100_000
    rows, characters, faults = read_in_little_memory(path)
    assert (rows, characters, faults) == (2000, 2000 * 2**22, [])


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


def read_in_little_memory(path: Path) -> tuple[int, int, list[tuple[int, str, str]]]:
    """(rows, characters of their texts, faults) as read by a process that may have 3 GB of address space."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, 3 * 2**30))

    ran = subprocess.run(
        [sys.executable, "-c", COUNT, path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        env={"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system", "PATH": "/usr/bin:/bin"},
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    peak, rows, characters, faults = json.loads(ran.stdout)
    assert peak < 400 * 2**20
    return rows, characters, [tuple(fault) for fault in faults]


def test_a_column_of_zeros_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "zeros.parquet"
    texts = pa.array(["0" * 2**20] * 1100)
    pq.write_table(
        pa.table({"text": texts}), path, compression="zstd", use_dictionary=False, write_statistics=False
    )
    assert path.stat().st_size < 2**20
    with pytest.raises(Unreadable) as refused:
        next(read_records(path, "parquet"))
    assert "1.1 GiB of text in one row group" in refused.value.fault.detail


def test_a_list_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    lists = pa.array([[7] * (MAX_VALUES_A_ROW + 1)])
    pq.write_table(pa.table({"text": ["a"], "more": lists}), path, compression="zstd")
    with pytest.raises(Unreadable) as refused:
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
    with pytest.raises(Unreadable) as refused:
        next(read_records(path, "parquet"))
    assert "in the lists of one row group, with more.list.element" in refused.value.fault.detail


def test_wide_values_are_refused_because_no_dictionary_holds_them(tmp_path: Path) -> None:
    path = tmp_path / "wide.parquet"
    values = pa.array([b"0" * (MAX_WIDTH + 1)] * 2, pa.binary(MAX_WIDTH + 1))
    pq.write_table(pa.table({"text": ["a", "b"], "more": values}), path, compression="zstd")
    with pytest.raises(Unreadable) as refused:
        next(read_records(path, "parquet"))
    assert f"values of {MAX_WIDTH + 1} bytes in more" in refused.value.fault.detail


def test_many_columns_of_zeros_are_refused_together(tmp_path: Path) -> None:
    path = tmp_path / "zeros.parquet"
    zeros = pa.array(["0" * 2**20] * 700)
    table = pa.table({"text": zeros, "more": zeros, "most": zeros})
    pq.write_table(table, path, compression="zstd", use_dictionary=False, write_statistics=False)
    with pytest.raises(Unreadable) as refused:
        next(read_records(path, "parquet"))
    assert "2.1 GiB in one row group" in refused.value.fault.detail


def test_an_ordinary_file_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = [{"text": f"row {n}", "n": n, "tags": [str(n)], "none": None} for n in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    found = list(read_records(path, "parquet"))
    assert [record.values for record in found if isinstance(record, Record)] == rows
