"""What it costs to check a part while its rows are read: the check's own CPU, beside that of the rows.

The check is a small part of the whole, so the difference of two whole readings says little on a machine that
does anything else. It is measured by itself: chunks that pass through the check, less the same chunks alone.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from shared.artifacts import Artifact, ArtifactWriter
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind
from shared.damage import Checksum
from shared.store.base import ObjectStore
from shared.store.local import LocalStore

ROWS = 20_000
TURNS = 25
TEXT = "once there was a red house on a hill and nobody went there any more because "


def measure() -> tuple[float, float]:
    """CPU seconds to read the rows checked and unchecked: the best of many short turns in alternation."""
    with tempfile.TemporaryDirectory() as folder:
        artifact, store = _dataset(Path(folder))
        [part] = artifact.manifest.parts
        key = artifact.key(part.name)
        turns = [
            (
                _cpu(lambda: Checksum(part).passed(store.stream(key))),
                _cpu(lambda: store.stream(key)),
                _cpu(lambda: _plain(store, artifact)),
            )
            for _ in range(TURNS)
        ]
    checked, alone, rows = (min(times) for times in zip(*turns, strict=True))
    return rows + checked - alone, rows


def _plain(store: ObjectStore, artifact: Artifact) -> Iterable[object]:
    rest = b""
    for chunk in store.stream(artifact.key("rows.jsonl")):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield json.loads(line)


def _dataset(folder: Path) -> tuple[Artifact, ObjectStore]:
    store = LocalStore(folder / "objects")
    writer = ArtifactWriter(store, "dataset-0", 1, folder)
    origin = {"topic": "houses", "model": "a model", "prompt": 7, "level": 0.5}
    writer.put_rows(
        "rows.jsonl", ({"id": str(n), "text": TEXT * (1 + n % 5), "origin": origin} for n in range(ROWS))
    )
    manifest = Manifest(
        id="dataset-0", kind=ArtifactKind.DATASET, operation="ingest", version=1, request={}, inputs={},
        parts=[], summary={}, software={}, job="job-0", created_at=datetime.now(UTC),
    )  # fmt: skip
    return Artifact(store, writer.commit(manifest)), store


def _cpu(rows: Callable[[], Iterable[object]]) -> float:
    start = time.process_time()
    for _ in rows():
        pass
    return time.process_time() - start
