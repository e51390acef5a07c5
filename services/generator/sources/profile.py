"""Whether GAMUT_SOURCES names the model that a Compose profile serves itself.

    python -m services.generator.sources.profile MODEL

Run before that server is started: a suite whose sources name another server or another model would start, be
healthy, and fail its first job.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

from services.generator.settings import GeneratorSettings
from services.generator.sources.registry import SourceSpec

ADDRESS = "http://source:8000/v1"


def missing(sources: Mapping[str, SourceSpec], model: str) -> str | None:
    """What to write into `.env` when no source is this model at the profile's address; None when one is."""
    if any(str(s.base_url).rstrip("/") == ADDRESS and s.model == model for s in sources.values()):
        return None
    line = {"base_url": ADDRESS, "model": model, "api": "chat", "adapters_dir": "/adapters"}
    named = ", ".join(f"{s.model} at {s.base_url}" for s in sources.values()) or "nothing"
    return (
        f"GAMUT_SOURCES names {named}, and this profile serves {model} at {ADDRESS}. Write into .env:\n"
        f"GAMUT_SOURCES={json.dumps({'vllm': line}, separators=(',', ':'))}"
    )


if __name__ == "__main__":
    sys.exit(missing(GeneratorSettings().sources, sys.argv[1]))
