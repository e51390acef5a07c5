"""A store whose process is killed at a chosen step: before a write, or right after it."""

from __future__ import annotations

from pathlib import Path

from shared.store.local import LocalStore


class Killed(BaseException):
    """Stands for SIGKILL: nothing that is run on the way out can write any more."""


class MortalStore(LocalStore):
    """Dies at the `steps`-th step, of which each write has two; `revive` is another process on its files."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.revive(None)

    def revive(self, steps: int | None) -> None:
        self._left = steps
        self.dead = False

    def _step(self) -> None:
        if self.dead or self._left == 0:
            self.dead = True
            raise Killed
        if self._left is not None:
            self._left -= 1

    def put(self, key: str, data: bytes, media_type: str = "application/octet-stream") -> None:
        self._step()
        super().put(key, data, media_type)
        self._step()

    def put_file(self, key: str, path: Path, media_type: str = "application/octet-stream") -> None:
        self._step()
        super().put_file(key, path, media_type)
        self._step()

    def put_if_absent(self, key: str, data: bytes, media_type: str = "application/json") -> bool:
        self._step()
        won = super().put_if_absent(key, data, media_type)
        self._step()
        return won

    def delete(self, key: str) -> None:
        self._step()
        super().delete(key)
        self._step()
