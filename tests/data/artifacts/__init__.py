"""Manifests as each operation wrote them before their summaries had classes of their own.

They stay as they are: an artifact is never changed, so what was written once must be readable for ever.
"""

from __future__ import annotations

from pathlib import Path

from shared.contracts.artifacts import Manifest


def kept_manifests() -> list[Manifest]:
    files = sorted(Path(__file__).parent.glob("*.json"))
    return [Manifest.model_validate_json(file.read_text()) for file in files]
