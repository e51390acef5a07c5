"""Writes the services' OpenAPI documents: `python -m clients.documents [--previous]` (`make openapi`).

    clients/openapi/<service>.json            what the code serves now; a test keeps it current
    clients/openapi/previous/<service>.json   what the last release served (`--previous`: this is one)

Nothing is connected to: each app is made on a store in a temporary folder and a queue that is never asked.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from shared.assembly import connect
from shared.settings import CommonSettings

FOLDER = Path(__file__).parent / "openapi"
PREVIOUS = FOLDER / "previous"
SERVICES = ("gateway", "generator", "metrics", "trainer")
Document = dict[str, Any]


def documents() -> dict[str, Document]:
    """Each service's document, by the service's name."""
    with tempfile.TemporaryDirectory() as folder:
        return {service: _app(service, Path(folder)).openapi() for service in SERVICES}


def written(document: Document) -> str:
    """The document as the file that is committed: the code's own order, so that a change is a small diff."""
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def read(folder: Path) -> dict[str, Document]:
    return {service: json.loads((folder / f"{service}.json").read_text()) for service in SERVICES}


def _app(service: str, folder: Path) -> FastAPI:
    given: dict[str, Any] = {"store": "local", "data_dir": folder, "log_level": "WARNING"}
    if service == "gateway":
        from services.gateway.api import create_app as create_gateway
        from services.gateway.settings import GatewaySettings

        return create_gateway(GatewaySettings(**given, api_keys_file=None, sources=None, models=None))
    platform = connect(CommonSettings(**given))
    if service == "generator":
        from services.generator.api import create_api as create_generator
        from services.generator.settings import GeneratorSettings

        return create_generator(GeneratorSettings(**given, sources={}), platform)
    if service == "metrics":
        from services.metrics.api import create_api as create_metrics
        from services.metrics.settings import MetricsSettings

        return create_metrics(MetricsSettings(**given, embeddings={}), platform)
    from services.trainer.api import create_api as create_trainer
    from services.trainer.settings import TrainerSettings

    return create_trainer(TrainerSettings(**given, models={}), platform)


def main(*, release: bool) -> None:
    for service, document in documents().items():
        for folder in (FOLDER, PREVIOUS) if release else (FOLDER,):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{service}.json").write_text(written(document))


if __name__ == "__main__":
    if sys.argv[1:] not in ([], ["--previous"]):
        sys.exit("usage: python -m clients.documents [--previous]")
    main(release=sys.argv[1:] == ["--previous"])
