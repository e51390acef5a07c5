"""Parquet files, read by a process of its own that may have little memory.

What a file says of its sizes (`bombs`) may be a lie, and what unpacks it is native code. So a child reads it,
under a limit that the kernel keeps, without the service's secrets, and prints the rows as JSON lines.
"""

from __future__ import annotations

import datetime
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from services.metrics.ingestion.bombs import kept_in_dictionaries, refuse_bombs, rows_at_a_time
from services.metrics.ingestion.records import Fault, FileRecord, UnreadableRest
from services.metrics.ingestion.unpacking import unpacked

LEAST_MEMORY = 2**30
MOST_MEMORY = 3 * 2**30
"""Bytes of address space of the process that reads, of which the libraries take a third of a GiB. In between,
four times the file: a page that does not compress takes itself, its unpacked bytes, and its values."""
BUFFER_BYTES = 2**20  # of each column, read ahead


def parquet_records(path: Path) -> Iterator[FileRecord | Fault]:
    """The file's rows, in order. Raises UnreadableRest when the rest makes no sense or is too much."""
    number = 0
    with subprocess.Popen(
        [sys.executable, "-m", __name__, str(path)], stdout=subprocess.PIPE, env=_environment()
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                told = orjson.loads(line)
                number = told["number"]
                if "values" in told:
                    yield FileRecord(number, None, told["values"], tuple(told.get("left_out", ())))
                else:
                    fault = Fault(number, None, told["column"], told["detail"])
                    if told["last"]:
                        raise UnreadableRest(fault)
                    yield fault
            if code := child.wait():
                why = f"its reader ended with {code}"
                detail = _too_large(why) if code < 0 else _unreadable(why)
                raise UnreadableRest(Fault(number, None, None, detail))
        finally:
            child.kill()


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MALLOC_ARENA_MAX": "2",  # each takes address space
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def main(path: Path) -> None:
    """Prints the rows under the limit; a fault that is the `last` says why there are no more."""
    memory = min(LEAST_MEMORY + 4 * path.stat().st_size, MOST_MEMORY)
    _, allowed = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY:
        memory = min(memory, allowed)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    with suppress(OSError):  # whoever runs out of memory beside it, this is the process to end
        Path("/proc/self/oom_score_adj").write_text("1000")
    number = 0
    try:
        for found in _read(path):
            number = found.number
            _tell(found)
    except UnreadableRest as stop:
        _tell(stop.fault, last=True)
    except (MemoryError, pa.ArrowMemoryError) as error:
        _tell(
            Fault(number, None, None, _too_large(f"{memory / 2**30:.1f} GiB do not do: {error}")), last=True
        )
    except (pa.ArrowException, OSError, ValueError) as error:
        _tell(Fault(number, None, None, _unreadable(str(error))), last=True)


def _read(path: Path) -> Iterator[FileRecord | Fault]:
    metadata = pq.read_metadata(path)
    refuse_bombs(metadata)
    _refuse_twins(metadata)
    options = {"arrow_extensions_enabled": False, "pre_buffer": False, "buffer_size": BUFFER_BYTES}
    number = 0
    for group in range(metadata.num_row_groups):
        said = metadata.row_group(group)
        rows, kept = rows_at_a_time(metadata, said), kept_in_dictionaries(metadata, said)
        with pq.ParquetFile(path, metadata=metadata, read_dictionary=kept, **options) as file:
            for batch in file.iter_batches(rows, [group], use_threads=False):
                yield from unpacked(_plain(batch), number)
                number += batch.num_rows


def _tell(found: FileRecord | Fault, last: bool = False) -> None:
    sys.stdout.buffer.write(_told(found, last) + b"\n")


def _told(found: FileRecord | Fault, last: bool) -> bytes:
    if isinstance(found, Fault):
        told = {"number": found.number, "column": found.column, "detail": found.detail, "last": last}
        return orjson.dumps(told)
    unkept = _Unkept()
    try:
        row = {"number": found.number, "values": found.values}
        written = orjson.dumps(row, default=unkept)
        if unkept.bytes:
            row["left_out"] = [name for name, value in found.values.items() if _has_bytes(value)]
            written = orjson.dumps(row, default=unkept)
        return written
    except (TypeError, ValueError) as error:
        detail = f"the row cannot be written as JSON: {error}"
        return _told(Fault(found.number, None, None, detail), last)


class _Unkept:
    """What JSON has no form for, as orjson asks of it: times, durations and decimals as text, bytes as the
    text that they are; `bytes` counts those that are none, for which null stands."""

    def __init__(self) -> None:
        self.bytes = 0

    def __call__(self, value: Any) -> str | None:
        if isinstance(value, bytes):
            text = _as_text(value)
            self.bytes += text is None
            return text
        return str(value.isoformat() if isinstance(value, datetime.date) else value)


def _as_text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _has_bytes(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_bytes, value.values()))
    if isinstance(value, list | tuple):
        return any(map(_has_bytes, value))
    return isinstance(value, bytes) and _as_text(value) is None


def _plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch with times of nanoseconds, which Python's have not, as text."""
    columns = [
        column.cast(pa.string())
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns"
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _is_in_ns(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.unit == "ns")


def _refuse_twins(metadata: pq.FileMetaData) -> None:
    names = metadata.schema.to_arrow_schema().names
    twins = sorted({name for name in names if names.count(name) > 1})
    if twins:
        detail = (
            f"the file has the columns {', '.join(twins)[:300]} more than once: rename or remove one of each"
        )
        raise UnreadableRest(Fault(0, None, None, detail))


def _unreadable(why: str) -> str:
    return f"not readable as Parquet: {' '.join(why.split())[:200]}"


def _too_large(why: str) -> str:
    return f"reading the file takes too much memory ({why}): write smaller row groups and pages"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
