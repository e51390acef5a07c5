"""Parquet files that are small on disk and enormous in memory.

A text that stands once in a column's dictionary may be in a million rows; a page of zeros compresses a
thousandfold. So what the file says of its columns is looked at before any is read, texts stay in their
dictionary, and only so many rows are unpacked at a time as fit into `SLICE_BYTES`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from services.metrics.ingestion.records import Fault, Unreadable

MAX_CHUNK_BYTES = 2**30
MAX_VALUES_A_ROW = 100_000
SLICE_BYTES = 64 * 2**20


def refuse_bombs(metadata: pq.FileMetaData) -> None:
    """Raises Unreadable for a column that would not fit into memory once it is unpacked."""
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        for chunk in (group.column(number) for number in range(group.num_columns)):
            if chunk.total_uncompressed_size > MAX_CHUNK_BYTES:
                size = f"{chunk.total_uncompressed_size / 2**30:.1f} GiB"
                raise _too_large(
                    f"{size} of {chunk.path_in_schema} in one row group: write smaller row groups"
                )
            if chunk.num_values > MAX_VALUES_A_ROW * max(group.num_rows, 1):
                raise _too_large(f"over {MAX_VALUES_A_ROW} values of {chunk.path_in_schema} in a row")


def is_text(kind: pa.DataType) -> bool:
    """Whether values are bytes of any length, which a dictionary can repeat."""
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def small_slices(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """The rows, unpacked a few at a time."""
    largest = sum(_longest(column) for column in batch.columns)
    rows = max(1, SLICE_BYTES // max(largest, 1))
    for start in range(0, batch.num_rows, rows):
        yield from batch.slice(start, rows).to_pylist()


def _longest(column: pa.Array) -> int:
    """Bytes of a column's longest text; 0 for what is not a text."""
    if not pa.types.is_dictionary(column.type) or not len(column.dictionary):
        return 0
    return int(pc.max(pc.binary_length(column.dictionary)).as_py() or 0)


def _too_large(what: str) -> Unreadable:
    return Unreadable(Fault(0, None, None, f"the file is too large when it is unpacked: {what}"))
