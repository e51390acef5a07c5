"""Try the answers of reports on simulated studies, print what came out, and write the result file.

    python -m benchmarks.answers                     everything
    python -m benchmarks.answers --only curve ...    some of the parts

Every figure follows from seeds: the same command writes the same file.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.answers import curve, power, stopping, worth
from benchmarks.answers.results import FILE, Row, keep, line

PARTS: dict[str, Callable[[], Iterator[Row]]] = {
    "curve": curve.rows,
    "worth": worth.rows,
    "stopping": stopping.rows,
    "power": power.rows,
}


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=__doc__.split("\n")[0])
    options.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="parts to try")
    for name in options.parse_args().only:
        for row in PARTS[name]():
            keep(row)
            print(line(row), flush=True)
    print(f"\nwritten to {FILE.relative_to(Path.cwd())}")


if __name__ == "__main__":
    main()
