"""A directory as an object store: the embedded default, durable through kill -9 like the real thing.

Presigned addresses point at the gateway, which serves them in embedded mode only; `sign` and `verify`
are the two ends of that.
"""

from __future__ import annotations

import hmac
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlencode

from shared.errors import InvalidRequest, StoreUnavailable
from shared.store.base import (
    ObjectInfo,
    ObjectNotFound,
    UploadPart,
    UploadTicket,
    check_key,
    part_ranges,
    write_file,
)

_CHUNK = 2**20
_STAGING = ".staging"
STAGING_SECONDS = 86_400


class LocalStore:
    """Objects are files below `root`, which is the user's alone. `public_url` and `secret` are needed only to
    sign addresses. A disk that is full, read-only or broken raises `StoreUnavailable`."""

    def __init__(self, root: Path, public_url: str = "", secret: str = "") -> None:
        self._root = root
        self._public_url = public_url.rstrip("/")
        self._secret = secret.encode()
        with suppress(OSError):  # a sick disk is told of when it is used
            root.mkdir(parents=True, exist_ok=True)
            (root / _STAGING).mkdir(exist_ok=True)
            self._collect_staging()
        with suppress(OSError):  # a file system without modes
            if root.stat().st_uid == os.getuid():
                root.chmod(0o700)

    def get(self, key: str) -> bytes:
        with _translated():
            try:
                return self._path(key).read_bytes()
            except (FileNotFoundError, IsADirectoryError) as missing:
                raise ObjectNotFound(f"no object {key}") from missing

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        path = self._path(key)
        if not path.is_file():
            raise ObjectNotFound(f"no object {key}")
        return _chunks(path, offset, length)

    def get_file(self, key: str, path: Path, check: Callable[[], None] | None = None) -> None:
        write_file(self.stream(key), path, check)

    def put(self, key: str, data: bytes, media_type: str = "application/octet-stream") -> None:
        with self._staging() as staged:
            staged.write_bytes(data)
            _flush(staged)
            self._replace(staged, key)

    def put_file(self, key: str, path: Path, media_type: str = "application/octet-stream") -> None:
        with self._staging() as staged:
            shutil.copyfile(path, staged)
            _flush(staged)
            self._replace(staged, key)

    def put_if_absent(self, key: str, data: bytes, media_type: str = "application/json") -> bool:
        target = self._path(key)
        if target.exists():
            return False
        with self._staging() as staged:
            target.parent.mkdir(parents=True, exist_ok=True)
            staged.write_bytes(data)
            _flush(staged)
            try:
                os.link(staged, target)  # atomic, and fails where the name is taken
            except FileExistsError:
                return False
        return True

    def head(self, key: str) -> ObjectInfo | None:
        path = self._path(key)
        try:
            return _info(key, path) if path.is_file() else None
        except FileNotFoundError:  # deleted meanwhile
            return None

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        folder = self._root / prefix.rpartition("/")[0]
        found = []
        for directory, folders, names in os.walk(folder):
            if _STAGING in folders:
                folders.remove(_STAGING)
            for name in names:
                path = Path(directory, name)
                key = path.relative_to(self._root).as_posix()
                if key.startswith(prefix):
                    found.append((key, path))
        for key, path in sorted(found):
            try:
                yield _info(key, path)
            except FileNotFoundError:  # deleted since it was listed
                continue

    def delete(self, key: str) -> None:
        with _translated():
            self._path(key).unlink(missing_ok=True)

    def local_path(self, key: str) -> Path | None:
        path = self._path(key)
        return path if path.is_file() else None

    def start_upload(self, key: str, size: int, expires: timedelta) -> UploadTicket:
        upload_id = secrets.token_hex(8)
        names = [f"{key}.upload-{upload_id}/{number:05d}-{n}" for number, _, n in part_ranges(size)]
        marker = f"{key}.upload-{upload_id}/parts"
        self.put(marker, "\n".join(names).encode())
        parts = tuple(
            UploadPart(number, offset, length, self.sign("PUT", name, expires))
            for name, (number, offset, length) in zip(names, part_ranges(size), strict=True)
        )
        return UploadTicket(upload_id, parts)

    def finish_upload(self, key: str, upload_id: str) -> None:
        try:
            names = self.get(f"{key}.upload-{upload_id}/parts").decode().splitlines()
        except ObjectNotFound as missing:
            raise InvalidRequest("no such upload is open: start it again") from missing
        absent = [name.rpartition("/")[2] for name in names if self.head(name) is None]
        if absent:
            raise InvalidRequest(f"parts not put yet: {', '.join(absent[:5])}; put them and call this again")
        with self._staging() as staged:
            with staged.open("wb") as joined:
                for name in names:
                    for chunk in self.stream(name):
                        joined.write(chunk)
            _flush(staged)
            self._replace(staged, key)
        self.abort_upload(key, upload_id)

    def abort_upload(self, key: str, upload_id: str) -> None:
        shutil.rmtree(self._path(f"{key}.upload-{upload_id}"), ignore_errors=True)

    def download_url(self, key: str, expires: timedelta) -> str:
        return self.sign("GET", key, expires)

    def sign(self, method: str, key: str, expires: timedelta) -> str:
        """An address that allows one method on one object until it expires."""
        until = int(time.time() + expires.total_seconds())
        query = urlencode({"expires": until, "signature": self._signature(method, key, until)})
        return f"{self._public_url}/objects/{check_key(key)}?{query}"

    def verify(self, method: str, key: str, until: int, signature: str) -> bool:
        expected = self._signature(method, key, until)
        return until >= time.time() and hmac.compare_digest(expected, signature)

    def _signature(self, method: str, key: str, until: int) -> str:
        if not self._secret:
            raise ValueError("this store was opened without a secret and cannot sign addresses")
        return hmac.new(self._secret, f"{method}\n{key}\n{until}".encode(), sha256).hexdigest()

    def staging_path(self) -> Path:
        """A name for a file that is being received; `adopt` makes it an object."""
        return self._root / _STAGING / secrets.token_hex(12)

    def adopt(self, staged: Path, key: str) -> None:
        with _translated():
            staged.chmod(0o600)
            _flush(staged)
            self._replace(staged, key)

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A file to write an object into, the user's alone; what the block leaves of it is removed."""
        staged = self.staging_path()
        with _translated():
            try:
                staged.touch(mode=0o600)
                yield staged
            finally:
                with suppress(OSError):
                    staged.unlink(missing_ok=True)

    def _collect_staging(self) -> None:
        """Remove what killed writers left: none takes so long without writing a byte. By the disk's clock:
        this process' own may be wrong, and others are writing."""
        probe = self.staging_path()
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
        for left in (self._root / _STAGING).iterdir():
            with suppress(FileNotFoundError):  # written, or collected by another process
                if now - left.stat().st_mtime > STAGING_SECONDS:
                    left.unlink()

    def _replace(self, staged: Path, key: str) -> None:
        target = self._path(key)
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staged, target)


def _info(key: str, path: Path) -> ObjectInfo:
    stat = path.stat()
    return ObjectInfo(key, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _flush(path: Path) -> None:
    """Write the file's bytes through before it gets its name: no name may lead to half of them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _chunks(path: Path, offset: int, length: int | None) -> Iterator[bytes]:
    with _translated(), path.open("rb") as file:
        file.seek(offset)
        left = length
        while chunk := file.read(_CHUNK if left is None else min(_CHUNK, left)):
            yield chunk
            if left is not None:
                left -= len(chunk)


@contextmanager
def _translated() -> Iterator[None]:
    """What the disk says, as a store's outage."""
    try:
        yield
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise StoreUnavailable(
            f"the disk of the store does not take or give what it should ({what}): jobs are kept and tried "
            "again; make room on it, or mount it for writing"
        ) from error
