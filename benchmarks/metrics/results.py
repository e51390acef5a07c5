"""The result file: `benchmarks/results/metrics.json`, rows merged by name, and the table made of it."""

from __future__ import annotations

import importlib
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.metrics.targets import reached, wanted

Row = dict[str, Any]

FILE = Path(__file__).parents[1] / "results" / "metrics.json"


def cpu_seconds(call: Callable[[], Any], *, repeats: int = 1) -> tuple[float, Any]:
    """The least CPU time of `repeats` calls, all threads counted, and the last value."""
    value, times = None, []
    for _ in range(repeats):
        start = time.process_time()
        value = call()
        times.append(time.process_time() - start)
    return min(times), value


def row(
    name: str, peer: str, peer_version: str, ours: float, theirs: float | None, *, equal: bool, note: str = ""
) -> Row:
    """A line of the result file; ratio: how many times the peer's CPU time ours goes into."""
    return {
        "name": name,
        "peer": peer,
        "peer_version": peer_version,
        "ours": ours,
        "theirs": theirs,
        "unit": "CPU s",
        "ratio": theirs / ours if theirs is not None else None,
        "equal": equal,
        **({"note": note} if note else {}),
    }


def keep(row: Row) -> None:
    """Put a row into the result file, in place of an earlier one of that name."""
    rows = {kept["name"]: kept for kept in load()["rows"]}
    rows[row["name"]] = {**row, "load": round(os.getloadavg()[0], 1)}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"machine": machine(), "rows": list(rows.values())}, indent=1) + "\n")


def measure(name: str, only: list[str] | None) -> None:
    """Measure the rows of the module of that name, all or those asked for, and keep them."""
    for found in importlib.import_module(name).rows():
        if only is None or found["name"] in only:
            keep(found)
            print(line(found), flush=True)


def load() -> dict[str, Any]:
    if not FILE.exists():
        return {"rows": []}
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def machine() -> str:
    """Cores, processor and Python, as a reader needs them to judge the figures."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def line(row: Row) -> str:
    theirs = "" if row["theirs"] is None else f"{row['theirs']:.4g}"
    ratio = "" if row["ratio"] is None else f"{row['ratio']:,.1f}×"
    equal = "equal" if row["equal"] else "NOT EQUAL"
    peer = f"{row['peer']} {row['peer_version']}".strip()
    verdict = {True: "reached", False: "SHORT", None: ""}[reached(row)]
    figures = f"{row['ours']:>9.4g} {theirs:>9} {ratio:>11} {wanted(row):>12} {verdict:8}"
    return f"{row['name']:40} {figures} {equal:9}  {peer}"


def table() -> str:
    figures = f"{'ours':>9} {'theirs':>9} {'ratio':>11} {'target':>12} {'':8}"
    head = f"{'row (CPU s)':40} {figures} {'values':9}  peer"
    return "\n".join([head, *(line(row) for row in load()["rows"])])
