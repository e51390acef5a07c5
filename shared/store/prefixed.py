"""A store seen from below one prefix: a project's corner, or a job's scratch space."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from shared.store.base import ObjectInfo, ObjectStore, UploadTicket


class PrefixedStore:
    def __init__(self, store: ObjectStore, prefix: str) -> None:
        self._store = store
        self._prefix = prefix.rstrip("/") + "/"

    def get(self, key: str) -> bytes:
        return self._store.get(self._prefix + key)

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        return self._store.stream(self._prefix + key, offset, length)

    def get_file(self, key: str, path: Path, check: Callable[[], None] | None = None) -> None:
        self._store.get_file(self._prefix + key, path, check)

    def put(self, key: str, data: bytes, media_type: str = "application/octet-stream") -> None:
        self._store.put(self._prefix + key, data, media_type)

    def put_file(self, key: str, path: Path, media_type: str = "application/octet-stream") -> None:
        self._store.put_file(self._prefix + key, path, media_type)

    def put_if_absent(self, key: str, data: bytes, media_type: str = "application/json") -> bool:
        return self._store.put_if_absent(self._prefix + key, data, media_type)

    def head(self, key: str) -> ObjectInfo | None:
        found = self._store.head(self._prefix + key)
        return replace(found, key=key) if found else None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for found in self._store.list(self._prefix + prefix):
            yield replace(found, key=found.key.removeprefix(self._prefix))

    def delete(self, key: str) -> None:
        self._store.delete(self._prefix + key)

    def local_path(self, key: str) -> Path | None:
        return self._store.local_path(self._prefix + key)

    def start_upload(self, key: str, size: int, expires: timedelta) -> UploadTicket:
        return self._store.start_upload(self._prefix + key, size, expires)

    def finish_upload(self, key: str, upload_id: str) -> None:
        self._store.finish_upload(self._prefix + key, upload_id)

    def abort_upload(self, key: str, upload_id: str) -> None:
        self._store.abort_upload(self._prefix + key, upload_id)

    def download_url(self, key: str, expires: timedelta) -> str:
        return self._store.download_url(self._prefix + key, expires)
