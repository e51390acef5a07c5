"""Start a simulated server: `python -m tests.simulation --port 8001 --latency 0.2`."""

from __future__ import annotations

import argparse
from dataclasses import fields

from aiohttp import web

from tests.simulation.server import Behaviour, SimulatedServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8001)
    whole = ("slots", "cache_blocks", "context", "template_tokens", "max_waiting", "vocabulary", "seed")
    numeric = {field.name: field for field in fields(Behaviour) if field.name not in ("models", "key")}
    for name in numeric:
        kind = int if name in whole else float
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=getattr(Behaviour, name))
    arguments = vars(parser.parse_args())
    host, port = arguments.pop("host"), arguments.pop("port")
    web.run_app(
        SimulatedServer(Behaviour(**arguments)).app(), host=host, port=port, print=None, access_log=None
    )


if __name__ == "__main__":
    main()
