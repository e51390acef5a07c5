"""The whole study under everything that may happen: `make chaos` writes benchmarks/results/chaos.json.

On a local store: kills of any process, workers stopped beyond their lease, Redis emptied every five seconds,
a full disk, a read-only disk, clocks two days wrong. On S3: the same kills, stops and flushes, and kills of
the server. Each beside the same study left in peace in the same suite. What this machine does not allow (to
mount a disk, libfaketime) is left out, and named in the result.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from embedded.client import Json
from embedded.demo import RECIPE
from tests.chaos.judging import PEACE, STORM, compared
from tests.chaos.study import SEED, watched
from tests.chaos.weather import (
    FAKETIME,
    S3_SERVER,
    Harm,
    cpu_seconds,
    fill_disk,
    flush_redis,
    kill_any,
    kill_s3,
    make_read_only,
    other_clocks,
    own_disk,
    set_clocks,
    stop_beyond_the_lease,
    weather,
)
from tests.e2e.conftest import shrunk
from tests.ports import free_port

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "chaos.json"
KILLS = 60
PAID_AGAIN = 0.02
DISK_MEGABYTES = 256
PAUSES: dict[Harm, tuple[float, float]] = {
    kill_any: (4.0, 16.0),
    stop_beyond_the_lease: (20.0, 60.0),
    flush_redis: (0.0, 0.0),  # every five seconds of a clock
}
"""CPU seconds of the suite between two of a kind; of two quiet cores, about half as many of a clock."""
RARE = (30.0, 90.0)
"""Between two of the harms that last."""


@dataclass(frozen=True)
class Place:
    """Where a suite runs, with which variables, and what happens there beside kills, stops and flushes."""

    folder: Path
    environment: Mapping[str, str]
    harms: Mapping[Harm, tuple[float, float]]
    left_out: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--rows", type=int, default=150, help="of each kind that the study asks for")
    parser.add_argument("--seed", type=int, default=1, help="of what happens when")
    parser.add_argument("stores", nargs="*", default=[*PLACES], help=f"of {', '.join(PLACES)}")
    asked = parser.parse_args()
    runs = [_run(store, asked.kills, asked.rows, asked.seed) for store in asked.stores]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    RESULT.write_text(json.dumps({"machine": machine, "runs": runs}, indent=1) + "\n")
    print(RESULT.read_text())
    sys.exit(0 if all(run["held"] for run in runs) else 1)


def _run(store: str, kills: int, rows: int, seed: int) -> dict[str, Any]:
    with (
        tempfile.TemporaryDirectory(prefix="gamut-chaos-") as folder,
        PLACES[store](Path(folder)) as place,
        watched(place.folder, (PEACE, STORM), place.environment) as suite,
    ):
        peaceful = suite.posted(PEACE, _study(rows))
        left_in_peace = suite.ended(PEACE, peaceful)["state"]
        calls, before, started = suite.payments.paid, cpu_seconds(suite.suite), time.monotonic()
        stormy = suite.posted(STORM, _study(rows))
        with weather(suite.suite, seed, PAUSES | place.harms, most=kills) as happened:
            ended = suite.ended(STORM, stormy)["state"]
        seconds, cpu = time.monotonic() - started, cpu_seconds(suite.suite) - before
        found = compared(suite, calls)
    share = found.paid_again / calls
    whole = not (found.missing or found.different or found.failures or found.damage)
    return {
        "store": store,
        "states": [left_in_peace, ended],
        "held": whole and left_in_peace == ended == "succeeded" and share <= PAID_AGAIN,
        "happened": dict(sorted(happened.tally.items())),
        "kills": sum(number for name, number in happened.tally.items() if name.startswith("kill ")),
        "left_out": place.left_out,
        "share_paid_again": round(share, 4),
        **asdict(found),
        "seconds": round(seconds),
        "cpu_seconds": round(cpu),
    }


def _study(rows: int) -> Json:
    """The bundled ladder, as long as it must be for all of that to happen while it runs."""
    recipe = shrunk(RECIPE, SEED)
    recipe["parameters"] |= {"rows": rows}
    return recipe


@contextmanager
def _local(folder: Path) -> Iterator[Place]:
    harms: dict[Harm, tuple[float, float]] = {}
    environment: dict[str, str] = {}
    left_out = []
    with ExitStack() as stack:
        try:
            stack.enter_context(own_disk(folder / "objects", DISK_MEGABYTES))
            harms |= {fill_disk: RARE, make_read_only: RARE}
        except subprocess.CalledProcessError:
            left_out.append("a full and a read-only disk: no right to mount one")
        if FAKETIME.exists():
            environment |= other_clocks(folder)
            harms |= {set_clocks: RARE}
        else:
            left_out.append("clocks two days wrong: libfaketime is not installed")
        yield Place(folder, environment, harms, left_out)


@contextmanager
def _s3(folder: Path) -> Iterator[Place]:
    if shutil.which("radosgw") is None:
        sys.exit("no S3 server can be started here: radosgw is not installed")
    server = folder / "s3"
    made = subprocess.run(
        [S3_SERVER, "up", server, str(free_port())], check=True, stdout=subprocess.PIPE, text=True
    )
    try:
        address = urlsplit(made.stdout.strip().splitlines()[-1])
        environment = {
            "GAMUT_STORE": "s3",
            "GAMUT_S3_ENDPOINT": f"{address.hostname}:{address.port}",
            "GAMUT_S3_ACCESS_KEY": address.username or "",
            "GAMUT_S3_SECRET_KEY": address.password or "",
            "GAMUT_S3_BUCKET": "chaos",
        }
        yield Place(folder, environment, {kill_s3(server): RARE}, [])
    finally:
        subprocess.run([S3_SERVER, "down", server], check=True)


PLACES: dict[str, Callable[[Path], Any]] = {"local": _local, "s3": _s3}


if __name__ == "__main__":
    main()
