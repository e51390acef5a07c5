"""A part that is not what its manifest says is never used, is named, and can be had again."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from shared.artifacts import Artifact, ArtifactWriter, find_manifest, project_store
from shared.contracts.artifacts import Manifest
from shared.contracts.base import ArtifactKind
from shared.damage import DamagedArtifact, look
from shared.errors import InputMissing, StoreUnavailable
from shared.store.base import ObjectStore
from shared.store.local import LocalStore

NAME = "dataset-" + "a" * 32
ROWS = [{"id": str(number), "text": f"row {number} says something"} for number in range(100)]
Damage = Callable[[bytes], bytes]
Read = Callable[[Artifact, Path], Any]


def cut(data: bytes) -> bytes:
    return b"".join(data.splitlines(keepends=True)[:60])


def torn(data: bytes) -> bytes:
    return data[: len(data) // 2]


def replaced(data: bytes) -> bytes:
    return data.replace(b"something", b"othertext")


def nonsense(data: bytes) -> bytes:
    return b"\xff" * len(data)


def lines(artifact: Artifact, folder: Path) -> Any:
    return list(artifact.lines("rows.jsonl", artifact.path("rows.jsonl", folder)))


READS: dict[str, Read] = {
    "rows": lambda artifact, folder: list(artifact.rows()),
    "read": lambda artifact, folder: artifact.read("rows.jsonl"),
    "copy": lambda artifact, folder: artifact.copy("rows.jsonl", folder / "copy"),
    "lines": lines,
    "check": lambda artifact, folder: artifact.check("rows.jsonl"),
}


def as_yesterday(store: ObjectStore, artifact: Artifact) -> Artifact:
    """The same artifact as it was written before keys told a CRC-32."""
    parts = []
    for part in artifact.manifest.parts:
        key = f"parts/1-{part.name}"
        store.put(f"artifacts/{NAME}/{key}", store.get(f"artifacts/{NAME}/{part.key}"))
        parts.append(part.model_copy(update={"key": key}))
    manifest = artifact.manifest.model_copy(update={"parts": parts})
    store.put(f"artifacts/{NAME}/manifest.json", manifest.model_dump_json().encode())
    return Artifact.open(store, NAME)


def make(store: ObjectStore, folder: Path, token: int = 1) -> Artifact:
    writer = ArtifactWriter(store, NAME, token, folder)
    writer.put_rows("rows.jsonl", ROWS)
    manifest = Manifest(
        id=NAME, kind=ArtifactKind.DATASET, operation="ingest", version=1, request={}, inputs={}, parts=[],
        summary={"kind": "text", "rows": 100}, software={}, job="job-1", created_at=datetime.now(UTC),
    )  # fmt: skip
    return Artifact(store, writer.commit(manifest))


@pytest.fixture
def store(local_store: LocalStore) -> ObjectStore:
    return project_store(local_store, "p")


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize(
    "damage", [cut, torn, replaced, nonsense, None], ids=lambda d: d.__name__ if d else "gone"
)
@pytest.mark.parametrize("yesterday", [False, True], ids=["by CRC-32", "by SHA-256"])
def test_every_way_to_read_names_the_artifact_and_the_part(
    store: ObjectStore, tmp_path: Path, read: Read, damage: Damage | None, yesterday: bool
) -> None:
    artifact = make(store, tmp_path)
    if yesterday:
        artifact = as_yesterday(store, artifact)
    key = artifact.key("rows.jsonl")
    if damage is not None:
        store.put(key, damage(store.get(key)))
    else:
        store.delete(key)
    with pytest.raises(DamagedArtifact) as refused:
        read(artifact, tmp_path)
    assert refused.value.reason == "damaged_artifact"
    assert NAME in refused.value.detail
    assert "rows.jsonl" in refused.value.detail
    assert not (tmp_path / "copy").exists()


def test_what_is_whole_is_read_in_every_way(store: ObjectStore, tmp_path: Path) -> None:
    artifact = make(store, tmp_path)
    for read in READS.values():
        read(artifact, tmp_path)
    assert list(artifact.rows()) == ROWS
    assert [json.loads(line) for line in lines(artifact, tmp_path)] == ROWS


def test_a_look_that_is_to_be_sure_compares_the_sha256(store: ObjectStore, tmp_path: Path) -> None:
    """As `make check-store` does: a part whose CRC-32 is right by chance is found nevertheless."""
    artifact = make(store, tmp_path)
    [part] = artifact.manifest.parts
    assert look(store, NAME, part) is None
    assert "SHA-256" in (look(store, NAME, part.model_copy(update={"sha256": "0" * 64})) or "")


def test_a_damaged_artifact_is_gone_until_it_is_made_again(store: ObjectStore, tmp_path: Path) -> None:
    artifact = make(store, tmp_path)
    store.put(artifact.key("rows.jsonl"), b"{}")
    with pytest.raises(DamagedArtifact):
        list(artifact.rows())
    assert find_manifest(store, NAME) is None
    with pytest.raises(DamagedArtifact) as known:
        Artifact.open(store, NAME)
    assert "rows.jsonl" in known.value.detail
    again = make(store, tmp_path, token=2)
    assert list(again.rows()) == ROWS
    with pytest.raises(DamagedArtifact):  # a reader of the old manifest does not take the new one away
        list(artifact.rows())
    assert list(Artifact.open(store, NAME).rows()) == ROWS


def test_an_artifact_that_never_was_is_missing_and_not_damaged(store: ObjectStore) -> None:
    with pytest.raises(InputMissing):
        Artifact.open(store, NAME)


def test_an_artifact_stays_when_only_the_reading_went_wrong(local_store: LocalStore, tmp_path: Path) -> None:
    class Flickering(LocalStore):
        bad = True

        def stream(self, key: str, offset: int = 0, length: int | None = None) -> Any:
            for chunk in super().stream(key, offset, length):
                yield replaced(chunk) if self.bad else chunk
            self.bad = False

    store = project_store(local_store, "p")
    make(store, tmp_path)
    flickering = Flickering(tmp_path / "objects")
    with pytest.raises(StoreUnavailable):
        list(Artifact.open(project_store(flickering, "p"), NAME).rows())
    assert find_manifest(store, NAME) is not None
