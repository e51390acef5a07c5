"""How much of the ideal rate is reached: an endpoint that answers after 200 ms, 512 requests at a time.

The ideal is 512 answers every 200 ms. Client and endpoint are processes of one machine; each client runs
three times and its best run counts, as everything else that runs here only takes away.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

from benchmarks.generator import peers
from benchmarks.generator.missing import Missing
from benchmarks.generator.processes import answered, client, endpoint, seconds
from benchmarks.generator.results import Row, row

LATENCY = 0.2
CONCURRENCY = 512
ROUNDS = 24
RUNS = 3


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    names = {
        "ideal_rate_512": ("openai_sdk", "openai", "the OpenAI SDK"),
        "ideal_rate_512_vs_distilabel": ("distilabel_", "distilabel", "distilabel"),
    }
    chosen = {name: peer for name, peer in names.items() if wanted(name)}
    if not chosen:
        return
    ours = share("ours", sys.executable, ROUNDS)
    for name, (module, package, title) in chosen.items():
        try:
            python = peers.python(package)
        except Missing as missing:
            print(f"left out: {missing}", flush=True)
            continue
        theirs = share(module, python, ROUNDS // 4)
        yield row(
            name,
            title,
            peers.version(package, package),
            ours,
            theirs,
            "share of the ideal rate",
            equal=True,
            note=f"{CONCURRENCY} at a time, {LATENCY:g} s each, the best of {RUNS} runs",
        )


def share(name: str, python: str, rounds: int) -> float:
    """The best run's rate over the ideal one, over so many times 512 requests."""
    requests = rounds * CONCURRENCY
    best = 0.0
    for _ in range(RUNS):
        with endpoint(LATENCY) as url:
            took = seconds(client(name, [url, requests, CONCURRENCY], python=python))
            assert answered(url) >= requests
        best = max(best, ideal_seconds(name, rounds) / took)
    return best


def ideal_seconds(name: str, rounds: int) -> float:
    """A client whose start costs seconds of its own has a round taken off: see its module."""
    return (rounds - (name == "distilabel_")) * LATENCY
