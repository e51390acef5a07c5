"""Measure the generator beside what people use today, print the table, and write the result file.

    python -m benchmarks.generator                     all rows
    python -m benchmarks.generator --only ROW ...      some of them; the others' results stay in the file

Every module of this package with a function `rows(wanted)` is run; it yields rows of the result file. Peers
are installed once, each into an environment of its own beside the project's (`.venv-bench-…`). What a row
needs and this machine lacks (valgrind, a vLLM) is said, and the row left out.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from benchmarks.generator import instructions, prefixes, rates, results, resume, vllm_rate
from benchmarks.generator.missing import Missing
from benchmarks.generator.results import Row

MODULES = (instructions, prefixes, resume, rates, vllm_rate)


def main() -> None:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.generator", description=__doc__.split("\n")[0]
    )
    options.add_argument("--only", nargs="+", metavar="ROW", help="names of rows to measure")
    only = options.parse_args().only

    def wanted(name: str) -> bool:
        return only is None or name in only

    for module in MODULES:
        _measure(module.rows, wanted)
    print(f"\n{results.table()}\n\nwritten to {results.FILE}")


def _measure(rows: Callable[[Callable[[str], bool]], Iterator[Row]], wanted: Callable[[str], bool]) -> None:
    try:
        for row in rows(wanted):
            results.keep(row)
            print(results.line(row), flush=True)
    except Missing as missing:
        print(f"left out: {missing}", flush=True)


if __name__ == "__main__":
    main()
