"""The result file, `benchmarks/results/trainer.json`: rows merged by name, and the table made of them."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any

Row = dict[str, Any]

FILE = Path(__file__).parents[1] / "results" / "trainer.json"


def keep(row: Row, device: str) -> None:
    """Puts a row into the file, in place of an earlier one of that name."""
    rows = {kept["name"]: kept for kept in load()["rows"]}
    rows[row["name"]] = {**row, "load": round(os.getloadavg()[0], 1)}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"machine": machine(device), "rows": list(rows.values())}, indent=1) + "\n")


def load() -> dict[str, Any]:
    if not FILE.exists():
        return {"rows": []}
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def machine(device: str) -> str:
    """Cores, processor and Python, as a reader needs them to judge the figures."""
    if device.startswith("cuda"):
        import torch

        return f"{torch.cuda.get_device_name(device)}, Python {platform.python_version()}"
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    processor = next(named, platform.processor())
    return f"{os.cpu_count()} cores, {processor}, Python {platform.python_version()}"


def line(row: Row) -> str:
    memory = f"{row['ours_mib']:,.0f} / {row['theirs_mib']:,.0f}" if "ours_mib" in row else ""
    equal = f"{'equal' if row['equal'] else 'NOT EQUAL'} ({row['difference']:.0e})"
    figures = f"{row['ours']:>9.4g} {row['theirs']:>9.4g} {row['unit']:12} {row['ratio']:>6.2f}×"
    return f"{row['name']:32} {figures} {_verdict(row):>10}  {memory:>15}  {equal}"


def _verdict(row: Row) -> str:
    return "" if row["target"] is None else f"(≥ {row['target']:g})"


def table(rows: list[Row]) -> str:
    figures = f"{'ours':>9} {'theirs':>9} {'':12} {'ratio':>7} {'target':>10}  {'MiB of each':>15}"
    head = f"{'row':32} {figures}  losses"
    return "\n".join([head, *(line(row) for row in rows)])
