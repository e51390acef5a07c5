"""Client cost: instructions for one request, as the slope between two run lengths under callgrind.

Counts do not depend on how busy the machine is, and start-up cancels out of the slope.
"""

from __future__ import annotations

import re
import shutil

from benchmarks.generator.processes import client, endpoint

SHORT, LONG = 200, 800
CONCURRENCY = 32
_COLLECTED = re.compile(r"Collected : (\d+)")


def instructions_per_request(name: str) -> float:
    """Raises `RuntimeError` without valgrind."""
    if shutil.which("valgrind") is None:
        raise RuntimeError("valgrind is not installed: apt-get install valgrind")
    counts = []
    for requests in (SHORT, LONG):
        with endpoint() as url:
            before = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
            output = client(name, [url, requests, CONCURRENCY], before=before)
        counts.append(int(_COLLECTED.search(output)[1]))  # type: ignore[index]  # callgrind always says it
    return (counts[1] - counts[0]) / (LONG - SHORT)
