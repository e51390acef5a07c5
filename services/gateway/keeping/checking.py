"""Reads a whole store and says what in it is not what its manifest says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.artifacts import find_manifest, project_store
from shared.damage import look, set_aside
from shared.store.base import ObjectStore

_MANIFEST = "/manifest.json"


@dataclass(frozen=True)
class Damage:
    project: str
    artifact: str
    part: str
    fault: str


@dataclass
class Checked:
    artifacts: int = 0
    parts: int = 0
    bytes: int = 0


def projects(store: ObjectStore) -> list[str]:
    return sorted({found.key.split("/")[1] for found in store.list("projects/")})


def check_store(store: ObjectStore, checked: Checked, *, aside: bool) -> Iterator[Damage]:
    """Every part of every artifact is read; what is damaged is told and, with `aside`, set aside.

    A manifest that cannot be read is told as the part `manifest.json`, and left where it is.
    """
    for project in projects(store):
        corner = project_store(store, project)
        for found in corner.list("artifacts/"):
            if found.key.endswith(_MANIFEST):
                artifact = found.key.removeprefix("artifacts/").removesuffix(_MANIFEST)
                for part, fault in _faults(corner, artifact, checked, aside=aside):
                    yield Damage(project, artifact, part, fault)


def _faults(
    corner: ObjectStore, artifact: str, checked: Checked, *, aside: bool
) -> Iterator[tuple[str, str]]:
    manifest = find_manifest(corner, artifact)
    if manifest is None:
        yield "manifest.json", "it cannot be read"
        return
    checked.artifacts += 1
    for part in manifest.parts:
        checked.parts += 1
        checked.bytes += part.bytes
        if fault := look(corner, artifact, part):
            if aside:
                set_aside(corner, manifest, part.name, fault)
            yield part.name, fault
