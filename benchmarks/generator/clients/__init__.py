"""One program for each client: `python -m benchmarks.generator.clients.<name> URL REQUESTS CONCURRENCY`.

Each renders only what it must, sends the same prompts, and prints the seconds it took. `ours` does everything
a row costs: rendering, hashing, journal, routing, parsing, deciding, and writing it down.
"""
