"""What a file of real rows holds, by its columns: which kind of dataset it is uploaded as."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from embedded.client import Refused
from shared.contracts.datasets import FILE_ENDINGS, format_of

KINDS = {"completion": {"context", "completion"}, "text": {"text"}}
"""Kinds that the demo takes, with the columns that each must have."""
START = 2**20


def kind_of(path: Path) -> str:
    """Raises `Refused` for a file that is not there or has the columns of no kind."""
    if not path.is_file():
        raise Refused({"detail": f"there is no file {path}"})
    if format_of(path.name) is None:
        raise Refused({"detail": f"{path.name}: the name must end in one of {', '.join(FILE_ENDINGS)}"})
    try:
        columns = _columns(path)
    except (ValueError, OSError, StopIteration):
        return "completion"  # the suite reads it, and says by line and column what is wrong
    for kind, needed in KINDS.items():
        if needed <= columns:
            return kind
    if not columns:
        return "completion"
    has = ", ".join(sorted(columns)[:10])
    wanted = " or ".join("{" + ", ".join(sorted(needed, reverse=True)) + "}" for needed in KINDS.values())
    raise Refused({"detail": f"{path.name}: its rows have {has}; they must have {wanted}"})


def _columns(path: Path) -> set[str]:
    """Of the first row. Empty for a format that is not looked into here."""
    if path.suffix == ".jsonl":
        with path.open(encoding="utf-8-sig") as file:
            first: Any = json.loads(next(line for line in file if len(line) < START and line.strip()))
    elif path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = dict.fromkeys(next(csv.reader(file)))
    elif path.suffix == ".parquet":
        import pyarrow.parquet

        first = dict.fromkeys(pyarrow.parquet.read_schema(path).names)
    else:
        return set()
    return set(first) if isinstance(first, dict) else set()
