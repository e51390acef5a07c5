"""Parquet files, read by a process of its own that may have little memory.

What a file says of its sizes (`bombs`) may be a lie, and what unpacks it is native code. So a child reads it,
under a limit that the kernel keeps, without the service's secrets, and prints the rows as JSON lines.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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
                    yield FileRecord(number, None, told["values"])
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
    options = {"arrow_extensions_enabled": False, "pre_buffer": False, "buffer_size": BUFFER_BYTES}
    number = 0
    for group in range(metadata.num_row_groups):
        said = metadata.row_group(group)
        rows, kept = rows_at_a_time(metadata, said), kept_in_dictionaries(metadata, said)
        with pq.ParquetFile(path, metadata=metadata, read_dictionary=kept, **options) as file:
            for batch in file.iter_batches(rows, [group], use_threads=False):
                yield from unpacked(batch, number)
                number += batch.num_rows


def _tell(found: FileRecord | Fault, last: bool = False) -> None:
    sys.stdout.buffer.write(_told(found, last) + b"\n")


def _told(found: FileRecord | Fault, last: bool) -> bytes:
    if isinstance(found, Fault):
        told = {"number": found.number, "column": found.column, "detail": found.detail, "last": last}
        return orjson.dumps(told)
    try:
        return orjson.dumps({"number": found.number, "values": found.values})
    except (TypeError, ValueError) as error:
        detail = f"the row cannot be written as JSON: {error}"
        return _told(Fault(found.number, None, None, detail), last)


def _unreadable(why: str) -> str:
    return f"not readable as Parquet: {' '.join(why.split())[:200]}"


def _too_large(why: str) -> str:
    return f"reading the file takes too much memory ({why}): write smaller row groups and pages"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
