"""Train and evaluate beside transformers' Trainer + peft, print the table, and write the result file.

    python -m benchmarks.trainer                          every row, CPU seconds on one thread
    python -m benchmarks.trainer --only ROW ...           some of them; the others' results stay in the file
    python -m benchmarks.trainer --device cuda --model llama-1b --out FILE    seconds on a GPU, larger models

Each side of a row runs in a process of its own, on the same token ids in the same order; a row counts only
if the losses are equal to 1e-4 (relative). `--repeats` takes the least time of several runs of each side.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.trainer import results
from benchmarks.trainer.cases import Case, Options, cases

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
TOLERANCE = 1e-4
DEVICE_TOLERANCE = 2e-2  # bf16 on a GPU: three digits at best


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trainer", description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="ROW", help="names of rows to measure")
    parser.add_argument("--repeats", type=int, default=1, help="runs of each side; the least time counts")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda: seconds instead of CPU seconds")
    parser.add_argument("--model", dest="shape", help="a shape's name, or a model's folder, for every row")
    for name, value in asdict(Options()).items():
        if isinstance(value, int):
            parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--out", type=Path, default=None, help="another result file")
    given = vars(parser.parse_args())
    only, repeats, out = given.pop("only"), given.pop("repeats"), given.pop("out")
    options = Options(**given)
    if out is not None:
        results.FILE = out
    measured = []
    for case in cases(options):
        if (only is None or case.name in only) and case.examples():
            row = compare(case, options, repeats)
            results.keep(row, options.device)
            measured.append(row)
            print(results.line(row), flush=True)
    print(f"\n{results.table(measured)}\n\nwritten to {os.path.relpath(results.FILE)}")


def compare(case: Case, options: Options, repeats: int) -> dict[str, Any]:
    """Both sides in turn, as often as asked."""
    pairs = [(run("ours", case, options), run("theirs", case, options)) for _ in range(repeats)]
    ours, theirs = (min(side, key=lambda found: found["seconds"]) for side in zip(*pairs, strict=True))
    difference = _difference(ours["losses"], theirs["losses"], case)
    row = {
        "name": case.name,
        "peer": "transformers Trainer + peft",
        "peer_version": f"{version('transformers')} + {version('peft')}",
        "ours": ours["seconds"],
        "theirs": theirs["seconds"],
        "unit": _unit(case, options.device),
        "ratio": theirs["seconds"] / ours["seconds"],
        "equal": difference <= (TOLERANCE if options.device == "cpu" else DEVICE_TOLERANCE),
        "difference": difference,
        "target": case.target,
        "shape": case.shape,
    }
    if "peak_bytes" in ours:
        row |= {f"{side}_mib": round(found["peak_bytes"] / 2**20) for side, found in _named(ours, theirs)}
        row["note"] = f"{ours['rows']} rows, {ours['tokens']} tokens of {case.source}"
    else:
        row |= {f"{side}_total_seconds": found["total_seconds"] for side, found in _named(ours, theirs)}
        row["note"] = f"{case.members} adapters in one step, against one adapter's step alone"
    return row


def _named(ours: dict[str, Any], theirs: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [("ours", ours), ("theirs", theirs)]


def _unit(case: Case, device: str) -> str:
    if case.kind == "operations":
        return "ops per step" if device == "cpu" else "s per step"
    return "CPU s" if device == "cpu" else "s"


def _difference(ours: list[float], theirs: list[float], case: Case) -> float:
    """The largest relative difference of any two losses."""
    if len(ours) != len(theirs):
        raise SystemExit(f"{case.name}: {len(ours)} losses of ours, {len(theirs)} of theirs")
    return max(abs(one - other) / abs(other) for one, other in zip(ours, theirs, strict=True))


def run(side: str, case: Case, options: Options) -> dict[str, Any]:
    """One side in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.trainer.side", side, case.name, json.dumps(asdict(options))],
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
