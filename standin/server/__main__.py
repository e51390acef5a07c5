"""Start the server: `python -m standin.server --model standin/models/generator --served-model-name story`."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
import uvicorn

from standin.server.api import make_app
from standin.server.engine import Engine
from standin.server.serving import Limits


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m standin.server", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a folder with a causal language model")
    parser.add_argument("--served-model-name", help="the name requests ask for (default: the folder's)")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--max-batch", type=int, default=Limits.max_batch, help="sequences written at once")
    parser.add_argument("--max-waiting", type=int, default=Limits.max_waiting, help="sequences that may wait")
    parser.add_argument("--max-body-bytes", type=int, default=Limits.max_body_bytes)
    arguments = parser.parse_args()
    if not (arguments.model / "config.json").exists():
        parser.error(
            f"{arguments.model} holds no model (no config.json); `make models` makes the bundled ones"
        )
    torch.set_num_threads(arguments.threads)
    engine = Engine(arguments.model)
    limits = Limits(arguments.max_batch, arguments.max_waiting, arguments.max_body_bytes)
    app = make_app(engine, arguments.served_model_name or arguments.model.name, limits)
    uvicorn.run(app, host=arguments.host, port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
