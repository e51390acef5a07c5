"""The result file `benchmarks/results/generator.json`: rows merged by name, and the table made of it."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

Row = dict[str, Any]

FILE = Path(__file__).parents[1] / "results" / "generator.json"


def row(
    name: str,
    peer: str,
    peer_version: str,
    ours: float,
    theirs: float | None,
    unit: str,
    *,
    equal: bool,
    less_is_better: bool = False,
    note: str = "",
) -> Row:
    """A line of the result file; `ratio` is our advantage: above 1 is better."""
    ratio = None
    if theirs is not None:
        ratio = theirs / ours if less_is_better else ours / theirs
    return {
        "name": name,
        "peer": peer,
        "peer_version": peer_version,
        "ours": ours,
        "theirs": theirs,
        "unit": unit,
        "ratio": ratio,
        "equal": equal,
        **({"note": note} if note else {}),
    }


def keep(row: Row) -> None:
    """Put a row into the result file, in place of an earlier one of that name."""
    rows = {kept["name"]: kept for kept in load()["rows"]}
    rows[row["name"]] = {**row, "load": round(os.getloadavg()[0], 1)}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"machine": machine(), "rows": list(rows.values())}, indent=1) + "\n")


def load() -> dict[str, Any]:
    if not FILE.exists():
        return {"rows": []}
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def machine() -> str:
    """Cores, processor and Python, as a reader needs them to judge the figures."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()} cores, {next(models, platform.processor())}, Python {platform.python_version()}"


def line(row: Row) -> str:
    theirs = "" if row["theirs"] is None else f"{row['theirs']:.4g}"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:,.2f}×"
    equal = "equal" if row["equal"] else "NOT EQUAL"
    peer = f"{row['peer']} {row['peer_version']}".strip()
    return f"{row['name']:32} {row['ours']:>9.4g} {theirs:>9} {ratio:>9}  {equal:9}  {row['unit']}; {peer}"


def table() -> str:
    head = f"{'row':32} {'ours':>9} {'theirs':>9} {'ratio':>9}  {'answers':9}  unit; peer"
    return "\n".join([head, *(line(row) for row in load()["rows"])])
