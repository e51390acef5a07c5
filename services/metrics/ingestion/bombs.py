"""Parquet files that are small on disk and enormous in memory.

A text that stands once in a column's dictionary may be in a million cells, of a column of texts or deep
inside lists and structs; a page of zeros compresses a thousandfold; one row may hold a hundred million empty
values. So what the file says of its columns is looked at before any is read, texts stay in their dictionary,
and only as many rows are read at a time, and unpacked (`unpacking`), as fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.parquet as pq

from services.metrics.ingestion.records import Fault, UnreadableRest

MAX_CHUNK_BYTES = 2**30
MAX_GROUP_BYTES = 2 * 2**30
MAX_VALUES_A_ROW = 100_000
MAX_NESTED_VALUES = 2**25
"""Of a row group's lists together: one row may have all of them, and each takes some 20 bytes while read."""
MAX_WIDTH = 2**16
"""Bytes of a value of fixed width: those are not kept in a dictionary."""
MAX_COLUMNS = 10_000
BATCH_ROWS = 1024
BATCH_BYTES = 64 * 2**20
VALUE_BYTES = 16  # of a number, or of a text's place in its dictionary, with its levels


def refuse_bombs(metadata: pq.FileMetaData) -> None:
    """Raises UnreadableRest for a file that would not fit into memory once it is unpacked."""
    if metadata.num_columns > MAX_COLUMNS:
        raise _too_large(f"over {MAX_COLUMNS} columns")
    nested = set()
    for column in _columns(metadata):
        if column.max_repetition_level:
            nested.add(column.path)
        if column.length > MAX_WIDTH:
            raise _too_large(f"values of {column.length} bytes in {column.path}: write them as `binary`")
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        _refuse_group(group, nested)


def _refuse_group(group: pq.RowGroupMetaData, nested: set[str]) -> None:
    size = values = 0
    for chunk in _chunks(group):
        size += chunk.total_uncompressed_size
        if chunk.total_uncompressed_size > MAX_CHUNK_BYTES:
            shown = f"{chunk.total_uncompressed_size / 2**30:.1f} GiB"
            raise _too_large(f"{shown} of {chunk.path_in_schema} in one row group: write smaller row groups")
        if chunk.num_values > MAX_VALUES_A_ROW * max(group.num_rows, 1):
            raise _too_large(f"over {MAX_VALUES_A_ROW} values of {chunk.path_in_schema} in a row")
        if chunk.path_in_schema in nested:
            values += chunk.num_values
            if values > MAX_NESTED_VALUES:
                raise _too_large(
                    f"over {MAX_NESTED_VALUES} values in the lists of one row group, with "
                    f"{chunk.path_in_schema}: write smaller row groups"
                )
    if size > MAX_GROUP_BYTES:
        raise _too_large(f"{size / 2**30:.1f} GiB in one row group: write smaller row groups")


def kept_in_dictionaries(metadata: pq.FileMetaData, group: pq.RowGroupMetaData) -> list[str]:
    """The columns, however deep, whose values are bytes of any length, which a dictionary can repeat.

    None where they are large together: a reader adds every new text to its dictionary until the row group
    ends, and texts of that size are hardly repeated.
    """
    names = {
        column.path
        for column in _columns(metadata)
        if column.physical_type == "BYTE_ARRAY" and column.logical_type.type != "DECIMAL"
    }
    chunks = [chunk for chunk in _chunks(group) if chunk.path_in_schema in names]
    if sum(chunk.total_uncompressed_size for chunk in chunks) > BATCH_BYTES:
        return []
    return [chunk.path_in_schema for chunk in chunks]


def rows_at_a_time(metadata: pq.FileMetaData, group: pq.RowGroupMetaData) -> int:
    """How many rows are read together, at most `BATCH_ROWS`: as many as take `BATCH_BYTES` on average."""
    widths = {column.path: VALUE_BYTES + column.length for column in _columns(metadata)}
    taken = sum(
        chunk.num_values * widths[chunk.path_in_schema] + chunk.total_uncompressed_size
        for chunk in _chunks(group)
    )
    return max(1, min(BATCH_ROWS, int(BATCH_BYTES * group.num_rows / max(1, taken))))


def _chunks(group: pq.RowGroupMetaData) -> Iterator[pq.ColumnChunkMetaData]:
    return (group.column(number) for number in range(group.num_columns))


def _columns(metadata: pq.FileMetaData) -> Iterator[pq.ColumnSchema]:
    return (metadata.schema.column(number) for number in range(metadata.num_columns))


def _too_large(what: str) -> UnreadableRest:
    return UnreadableRest(Fault(0, None, None, f"the file is too large when it is unpacked: {what}"))
