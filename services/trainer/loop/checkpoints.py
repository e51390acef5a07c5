"""Checkpoints in the object store; a later attempt takes up the newest.

A training alone keeps the Trainer's whole folder as an archive; one in a bundle keeps a `MemberState`.
"""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from services.trainer.bundles.members import MemberState, read_state, write_state
from shared.artifacts import scratch_store
from shared.store.base import ObjectStore

PREFIX = "checkpoints/"
STATES = "states/"


def has_checkpoint(scratch: ObjectStore) -> bool:
    """Whether the Trainer has left a checkpoint here: it then goes on itself."""
    return any(True for _ in scratch.list(PREFIX))


class StoredCheckpoints:
    """Checkpoints of one request. Keys are `checkpoints/<step>-<attempt>.tar`: no two attempts write the same
    one.
    """

    def __init__(self, scratch: ObjectStore, token: int, folder: Path) -> None:
        self.scratch, self.token, self.folder = scratch, token, folder

    def save(self, checkpoint: Path, step: int) -> None:
        """Stores the folder, then removes this attempt's older ones; a kill in between leaves both."""
        key = f"{PREFIX}{step:09d}-{self.token:04d}.tar"
        with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".tar") as file:
            with tarfile.open(fileobj=file, mode="w") as archive:
                archive.add(checkpoint, arcname=".")
            file.flush()
            self.scratch.put_file(key, Path(file.name), "application/x-tar")
        for older in self._keys():
            if older < key and older.endswith(f"-{self.token:04d}.tar"):
                self.scratch.delete(older)

    def latest(self) -> Path | None:
        """The newest checkpoint of any attempt, as a local folder."""
        keys = self._keys()
        if not keys:
            return None
        target = self.folder / "checkpoint"
        archive_path = self.folder / "checkpoint.tar"
        self.scratch.get_file(keys[-1], archive_path)
        with tarfile.open(archive_path) as archive:
            archive.extractall(target, filter="data")
        archive_path.unlink()
        return target

    def _keys(self) -> list[str]:
        return sorted(info.key for info in self.scratch.list(PREFIX))


class StoredStates:
    """A training's states in its scratch, one file a step: whoever writes a step writes the same."""

    def __init__(self, store: ObjectStore, artifact: str, folder: Path) -> None:
        self.scratch, self.artifact, self.folder = scratch_store(store, artifact), artifact, folder

    def save(self, state: MemberState) -> None:
        """Stores the state, then removes the older ones; a kill in between leaves both."""
        path = self.folder / f"{self.artifact}.safetensors"
        write_state(state, path, self.artifact)
        key = f"{STATES}{state.step:09d}.safetensors"
        self.scratch.put_file(key, path, "application/octet-stream")
        path.unlink()
        for older in self._keys():
            if older < key:
                self.scratch.delete(older)

    def latest(self) -> MemberState | None:
        """The newest state, whoever trained it. Raises ForeignCheckpoint."""
        keys = self._keys()
        if not keys:
            return None
        path = self.folder / f"{self.artifact}.latest"
        self.scratch.get_file(keys[-1], path)
        return read_state(path, self.artifact)

    def _keys(self) -> list[str]:
        return sorted(info.key for info in self.scratch.list(STATES))
