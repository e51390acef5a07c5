"""Arrow's columns as rows, a few at a time, each weighed before it is unpacked.

A text of a dictionary is one copy in the column and one copy for each cell in the rows. What a row takes is
therefore computed from its columns' offsets and dictionaries first; one that takes more than a row may
(`MAX_ROW_BYTES`) is never unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from services.metrics.ingestion.records import MAX_ROW_BYTES, Fault, FileRecord

SLICE_BYTES = 64 * 2**20
VALUE_BYTES = 64  # a Python object and the reference to it
Bytes = npt.NDArray[np.int64]


def unpacked(batch: pa.RecordBatch, first: int) -> Iterator[FileRecord | Fault]:
    """The batch's rows, numbered from `first`; a fault in place of a row that is too large."""
    columns = [weights(column) for column in batch.columns]
    total = sum(columns, np.zeros(batch.num_rows, np.int64))
    start = 0
    while start < batch.num_rows:
        if total[start] > MAX_ROW_BYTES:
            name = batch.schema.names[int(np.argmax([column[start] for column in columns]))]
            yield Fault(first + start, None, name, _too_large(int(total[start])))
            start += 1
            continue
        end = start + _fitting(total[start:])
        for number, values in enumerate(batch.slice(start, end - start).to_pylist(), first + start):
            yield FileRecord(number, None, values)
        start = end


def _fitting(total: Bytes) -> int:
    """How many of the rows, at least the first, fit into a slice, up to one that is too large."""
    large = np.flatnonzero(total > MAX_ROW_BYTES)
    fitting = int(np.searchsorted(np.cumsum(total), SLICE_BYTES, side="right"))
    return max(1, min(fitting, int(large[0]) if len(large) else fitting))


def weights(column: pa.Array) -> Bytes:
    """[rows] bytes that each value takes once it is unpacked, with all that is inside it."""
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return weights(column.storage)
    if pa.types.is_dictionary(kind):
        return _repeated(column)
    if pa.types.is_struct(kind):
        parts = [weights(column.field(number)) for number in range(kind.num_fields)]
        return sum(parts, _plain(column))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_map(kind):
        return _plain(column) + _summed(column)
    if pa.types.is_fixed_size_list(kind):
        inner = weights(column.values)[column.offset * kind.list_size :][: len(column) * kind.list_size]
        return np.asarray(_plain(column) + inner.reshape(len(column), kind.list_size).sum(axis=1))
    if _is_text(kind):
        return _plain(column) + _lengths(column)
    return _plain(column) + (kind.byte_width if pa.types.is_fixed_size_binary(kind) else 0)


def _plain(column: pa.Array) -> Bytes:
    return np.full(len(column), VALUE_BYTES, np.int64)


def _repeated(column: pa.DictionaryArray) -> Bytes:
    each = weights(column.dictionary)
    if not len(each):
        return _plain(column)
    return np.asarray(each[column.indices.fill_null(0).to_numpy(zero_copy_only=False)])


def _summed(column: pa.ListArray) -> Bytes:
    """Each list's values together."""
    inner = column.values if not pa.types.is_map(column.type) else _entries(column)
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(weights(inner))])
    offsets = column.offsets.to_numpy()
    return np.asarray(ends[offsets[1:]] - ends[offsets[:-1]])


def _entries(column: pa.MapArray) -> pa.StructArray:
    return pa.StructArray.from_arrays([column.keys, column.items], ["key", "value"])


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
    return any(test(kind) for test in tests)


def _lengths(column: pa.Array) -> Bytes:
    return np.asarray(pc.binary_length(column).fill_null(0).to_numpy(zero_copy_only=False)).astype(np.int64)


def _too_large(size: int) -> str:
    return (
        f"the row takes {size / 2**20:.0f} MiB when it is unpacked, most of it in this column, and may take "
        f"{MAX_ROW_BYTES // 2**20} MiB: shorten it or leave the column out"
    )
