"""Lineage: the manifests' lists of inputs, followed in both directions.

Upwards a manifest names its inputs. Downwards nobody does, so every manifest of the project is read once by
each process; they never change, so what was read stays true.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from services.gateway.views import ArtifactView, Lineage, LineageEdge
from shared.artifacts import find_manifest
from shared.contracts.artifacts import Manifest
from shared.store.base import ObjectStore

_MANIFEST = "/manifest.json"


@dataclass
class _Known:
    manifests: dict[str, Manifest] = field(default_factory=dict)
    used_by: dict[str, set[str]] = field(default_factory=dict)

    def add(self, manifest: Manifest) -> None:
        self.manifests[manifest.id] = manifest.model_copy(update={"request": {}, "parts": []})
        for source in manifest.inputs.values():
            self.used_by.setdefault(source, set()).add(manifest.id)


class LineageIndex:
    """What one process knows of every project's manifests."""

    def __init__(self) -> None:
        self._projects: dict[str, _Known] = {}
        self._lock = threading.Lock()

    def of(self, project: str, store: ObjectStore, artifact: str) -> Lineage:
        with self._lock:
            known = self._projects.setdefault(project, _Known())
            _read_new(store, known)
        above = _reach(artifact, lambda found: _inputs(known, found))
        below = _reach(artifact, lambda found: known.used_by.get(found, ()))
        shown = [known.manifests[found] for found in (*above, *below[1:]) if found in known.manifests]
        inside = {manifest.id for manifest in shown}
        edges = [
            LineageEdge(**{"from": source, "to": manifest.id, "role": role})
            for manifest in shown
            for role, source in manifest.inputs.items()
            if source in inside
        ]
        return Lineage(artifact=artifact, nodes=[ArtifactView.of(found) for found in shown], edges=edges)


def _read_new(store: ObjectStore, known: _Known) -> None:
    for found in store.list("artifacts/"):
        if found.key.endswith(_MANIFEST):
            artifact = found.key.removeprefix("artifacts/").removesuffix(_MANIFEST)
            if artifact not in known.manifests and (manifest := find_manifest(store, artifact)):
                known.add(manifest)


def _inputs(known: _Known, artifact: str) -> Iterable[str]:
    manifest = known.manifests.get(artifact)
    return manifest.inputs.values() if manifest else ()


def _reach(start: str, following: Callable[[str], Iterable[str]]) -> list[str]:
    """Everything that can be reached, each once, the start first."""
    found = {start: None}
    waiting = [start]
    while waiting:
        for after in following(waiting.pop()):
            if after not in found:
                found[after] = None
                waiting.append(after)
    return list(found)
