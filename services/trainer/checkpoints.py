"""Checkpoints in the object store: one archive each, and a later attempt takes up the newest."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path

from shared.store.base import ObjectStore

PREFIX = "checkpoints/"


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
        with archive_path.open("wb") as file:
            for chunk in self.scratch.stream(keys[-1]):
                file.write(chunk)
        with tarfile.open(archive_path) as archive:
            archive.extractall(target, filter="data")
        archive_path.unlink()
        return target

    def _keys(self) -> list[str]:
        return sorted(info.key for info in self.scratch.list(PREFIX))
