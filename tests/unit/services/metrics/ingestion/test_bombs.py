"""Small files that would fill the memory: read row by row, or refused with what to do."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.metrics.ingestion.bombs import MAX_VALUES_A_ROW
from services.metrics.ingestion.readers import read_records
from services.metrics.ingestion.records import Record, Unreadable

ROOT = Path(__file__).resolve().parents[5]
COUNT = "from pathlib import Path; import sys; from services.metrics.ingestion.readers import read_records; \
print(sum(len(row.values['text']) for row in read_records(Path(sys.argv[1]), 'parquet')))"


def test_one_text_in_thousands_of_rows_is_not_multiplied(tmp_path: Path) -> None:
    """4 MiB, 2,000 times: 8 GB as rows, some KB as a file; read in a process that may have 3 GB."""
    path = tmp_path / "bomb.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), pa.array(["x" * 2**22]))
    pq.write_table(pa.table({"text": texts}), path, compression="zstd")
    assert path.stat().st_size < 100_000

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
    assert int(ran.stdout) == 2000 * 2**22


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


def test_an_ordinary_file_is_read_as_before(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    rows = [{"text": f"row {n}", "n": n, "tags": [str(n)], "none": None} for n in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    found = list(read_records(path, "parquet"))
    assert [record.values for record in found if isinstance(record, Record)] == rows
