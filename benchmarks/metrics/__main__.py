"""Measure every metric beside the packages people use, print the table, and write the result file.

    python -m benchmarks.metrics                     all rows
    python -m benchmarks.metrics --only ROW ...      some of them; the others' results stay in the file

Every module of this package with a function `rows()` is run; it yields rows of the result file. The peers
are installed once, into `.venv-bench-metrics` beside the project's environment, whose packages it sees.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pkgutil
import re
import site
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.metrics import results
from benchmarks.metrics.results import measure

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PEERS = ROOT / ".venv-bench-metrics"
READY = "GAMUT_BENCH_PEERS"
# One thread on both sides; the clock counts the CPU time of all threads besides.
ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.metrics", description=__doc__.split("\n")[0])
    options.add_argument("--only", nargs="+", metavar="ROW", help="names of rows to measure")
    only = options.parse_args().only
    if READY not in os.environ:
        run_beside_peers()
    # A process each: what a peer leaves in memory must not be there for the next.
    for name in modules(only):
        running = multiprocessing.get_context("spawn").Process(target=measure, args=(name, only))
        running.start()
        running.join()
        if running.exitcode:
            print(f"{name} ended with {running.exitcode}", flush=True)
    print(f"\n{results.table()}\n\nwritten to {results.FILE.relative_to(ROOT)}")


def run_beside_peers() -> None:
    """Run this command again where the peers are installed, with one thread."""
    python = PEERS / "bin" / "python"
    if not python.exists():
        install_peers(python)
    os.execve(
        python,
        [str(python), "-m", "benchmarks.metrics", *sys.argv[1:]],
        {**os.environ, **ONE_THREAD, READY: "1"},
    )


def install_peers(python: Path) -> None:
    venv.create(PEERS, with_pip=True)
    own = next((PEERS / "lib").glob("python*")) / "site-packages"
    (own / "project.pth").write_text("\n".join(site.getsitepackages()))
    requirements = str(HERE / "requirements.txt")
    subprocess.run([python, "-m", "pip", "install", "--no-deps", "-r", requirements], check=True)


def modules(only: list[str] | None) -> list[str]:
    """The modules with rows, in their order; with `only`, those whose source names one of them."""
    found = [module.name for module in pkgutil.iter_modules([str(HERE)]) if module.name != "__main__"]
    names = [f"{__package__}.{name}" for name in found]
    if only:
        names = [name for name in names if any(f'"{row}"' in source(name) for row in only)]
    return sorted((name for name in names if "def rows(" in source(name)), key=place)


def place(name: str) -> int:
    """Where a module's rows stand: `PLACE = …` in its source, else late."""
    found = re.search(r"^PLACE = (\d+)$", source(name), re.MULTILINE)
    return int(found[1]) if found else 100


def source(name: str) -> str:
    return (HERE / f"{name.rpartition('.')[2]}.py").read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
