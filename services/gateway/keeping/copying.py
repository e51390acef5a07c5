"""Copies everything that matters from one store to another: a backup, and the way back.

A copy may be taken while jobs run. A manifest is written after its parts, and nothing that is named by a
manifest or a job's log is ever changed; so of whatever manifest is listed the parts can be copied. What is
there already is not copied again.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from shared.store.base import ObjectNotFound, ObjectStore

IMMUTABLE = ("artifacts", "jobs", "uploads", "calls", "audit", "usage", "idempotency")
"""What is put once under its name. `work` (checkpoints) and `active` (markers) change."""


@dataclass
class Copied:
    objects: int = 0
    bytes: int = 0
    known: int = 0


def copy_all(source: ObjectStore, target: ObjectStore) -> Copied:
    """Copy what the target lacks, manifests last: a copy that is cut off holds no artifact in part."""
    copied = Copied()
    manifests = []
    with tempfile.TemporaryDirectory(prefix="gamut-copy-") as folder:
        for found in source.list(""):
            if found.key.endswith("/manifest.json"):
                manifests.append(found.key)
            else:
                _copy(source, target, found.key, Path(folder), copied)
        for key in manifests:
            _copy(source, target, key, Path(folder), copied)
    return copied


def _copy(source: ObjectStore, target: ObjectStore, key: str, folder: Path, copied: Copied) -> None:
    there = target.head(key)
    names = key.split("/")
    kind = names[2] if names[0] == "projects" else names[0]
    draft = folder / "object"
    try:
        size = source.head(key)
        if there and size and kind in IMMUTABLE and there.bytes == size.bytes:
            copied.known += 1
            return
        source.get_file(key, draft)
    except ObjectNotFound:  # deleted since it was listed
        return
    target.put_file(key, draft)
    copied.objects += 1
    copied.bytes += draft.stat().st_size
