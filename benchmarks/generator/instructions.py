"""Client cost: instructions for one request, as the slope between two run lengths under callgrind.

Counts do not depend on how busy the machine is, and start-up cancels out of the slope. Ours is everything a
row costs: prompt rendering, hashing, journal, routing, parsing, deciding and writing it down.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version

from benchmarks.generator import peers
from benchmarks.generator.missing import Missing
from benchmarks.generator.processes import answered, client, endpoint
from benchmarks.generator.results import Row, row

SHORT, LONG = 200, 800
CONCURRENCY = 32
_COLLECTED = re.compile(r"Collected : (\d+)")


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    """Millions of instructions a request: ours, beside three clients that only send and receive."""
    names = {f"instructions_vs_{peer}": peer for peer in ("openai_sdk", "httpx", "aiohttp")}
    chosen = {name: peer for name, peer in names.items() if wanted(name)}
    if not chosen:
        return
    if shutil.which("valgrind") is None:
        raise Missing("valgrind is not installed: apt-get install valgrind")
    ours = instructions_per_request("ours")
    for name, peer in chosen.items():
        openai = peer == "openai_sdk"
        python = peers.python("openai") if openai else sys.executable
        theirs = instructions_per_request(peer if openai else f"plain_{peer}", python)
        yield row(
            name,
            "the OpenAI SDK" if openai else peer,
            peers.version("openai", "openai") if openai else version(peer),
            ours / 1e6,
            theirs / 1e6,
            "M instructions a request",
            equal=True,  # each run asserts its answers, and the endpoint's count is checked
            less_is_better=True,
            note="ours: rendering, hashing, journal, routing, parsing and deciding included",
        )


def instructions_per_request(name: str, python: str = sys.executable) -> float:
    counts = []
    for requests in (SHORT, LONG):
        with endpoint() as url:
            before = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            output = client(name, [url, requests, CONCURRENCY], before=before, python=python)
            assert answered(url) == requests
        counts.append(int(_COLLECTED.search(output)[1]))  # type: ignore[index]  # callgrind always says it
    return (counts[1] - counts[0]) / (LONG - SHORT)
