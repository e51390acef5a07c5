"""The result file: `benchmarks/results/answers.json`, rows merged by name, and the table made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
FILE = Path(__file__).parents[1] / "results" / "answers.json"


def kept() -> list[Row]:
    """The rows of the result file; none before the first run."""
    if not FILE.exists():
        return []
    rows: list[Row] = json.loads(FILE.read_text(encoding="utf-8"))["rows"]
    return rows


def keep(row: Row) -> None:
    """Puts a row in place of the one of its name, or after all others."""
    rows = kept()
    names = [known["name"] for known in rows]
    if row["name"] in names:
        rows[names.index(row["name"])] = row
    else:
        rows.append(row)
    told = json.dumps({"rows": rows}, indent=1, ensure_ascii=False)
    FILE.write_text(told + "\n", encoding="utf-8")


def line(row: Row) -> str:
    figures = ", ".join(f"{name} {value}" for name, value in row.items() if isinstance(value, int | float))
    return f"{row['name']}: {figures} (target: {row['target']})"
