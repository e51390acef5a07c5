"""What it costs to check a part's digest while its rows are read."""

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
from shared.store.base import ObjectStore
from shared.store.local import LocalStore

ROWS = 120_000
TEXT = "once there was a red house on a hill and nobody went there any more because "


def measure() -> tuple[float, float]:
    """CPU seconds to read the rows checked and unchecked: the best of seven turns, each after the other."""
    with tempfile.TemporaryDirectory() as folder:
        artifact, store = _dataset(Path(folder))
        turns = [(_cpu(artifact.rows), _cpu(lambda: _plain(store, artifact))) for _ in range(7)]
    return min(ours for ours, _ in turns), min(theirs for _, theirs in turns)


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
