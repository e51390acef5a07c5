"""What a store of objects must do for the rest to be true.

Keys are `/`-separated names of letters, digits, `.`, `_` and `-`. A put is atomic and durable when it
returns. `put_if_absent` has exactly one winner among any number of callers: job records and manifests
stand on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from shared.errors import NotFound

_KEY = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*")
PART_BYTES = 64 * 2**20
"""Size of the parts of a multipart upload: S3 takes 5 MiB to 5 GiB, at most 10,000 of them."""


class ObjectNotFound(NotFound):
    """The store has no such object."""


@dataclass(frozen=True)
class ObjectInfo:
    key: str
    bytes: int
    modified: datetime | None = None
    """When it was last put, by the store's clock."""


@dataclass(frozen=True)
class UploadPart:
    """One stretch of a file, and the address to PUT it to."""

    number: int
    offset: int
    bytes: int
    url: str


@dataclass(frozen=True)
class UploadTicket:
    """An upload the client does itself: PUT each part to its address, then tell the gateway."""

    upload_id: str
    parts: tuple[UploadPart, ...]


class ObjectStore(Protocol):
    def get(self, key: str) -> bytes:
        """The whole object. Raises `ObjectNotFound`."""

    def stream(self, key: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The object in chunks, from `offset`, at most `length` bytes. Raises `ObjectNotFound`."""

    def get_file(self, key: str, path: Path, check: Callable[[], None] | None = None) -> None:
        """The object as a file at `path`, which has its name once it is whole. `check` is called before each
        chunk and may raise, to stop a long copy. Raises `ObjectNotFound`."""

    def put(self, key: str, data: bytes, media_type: str = "application/octet-stream") -> None: ...

    def put_file(self, key: str, path: Path, media_type: str = "application/octet-stream") -> None: ...

    def put_if_absent(self, key: str, data: bytes, media_type: str = "application/json") -> bool:
        """Create the object; False when one is there already, which is left untouched."""

    def head(self, key: str) -> ObjectInfo | None: ...

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """Every object whose key starts with `prefix`, in order of key."""

    def delete(self, key: str) -> None:
        """Remove the object; nothing happens when there is none."""

    def local_path(self, key: str) -> Path | None:
        """Where the object lies on this machine, when it does: saves a copy in embedded mode."""

    def start_upload(self, key: str, size: int, expires: timedelta) -> UploadTicket: ...

    def finish_upload(self, key: str, upload_id: str) -> None:
        """Join the parts that were put. Raises `InvalidRequest` when some are missing."""

    def abort_upload(self, key: str, upload_id: str) -> None: ...

    def download_url(self, key: str, expires: timedelta) -> str: ...


def write_file(chunks: Iterable[bytes], path: Path, check: Callable[[], None] | None = None) -> None:
    """Write the chunks to a file that has its name only when all of them are in it."""
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb") as file:
            for chunk in chunks:
                if check is not None:
                    check()
                file.write(chunk)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def check_key(key: str) -> str:
    """The key itself, or ValueError: no key may leave the store's root or depend on its back end."""
    if not _KEY.fullmatch(key) or any(name in (".", "..") for name in key.split("/")):
        raise ValueError(f"not an object key: {key!r}")
    return key


def part_ranges(size: int, part_bytes: int = PART_BYTES) -> list[tuple[int, int, int]]:
    """(number from 1, offset, bytes) of each part of a file; parts grow so that 10,000 are enough."""
    part_bytes = max(part_bytes, -(-size // 10_000))
    return [
        (number, offset, min(part_bytes, size - offset))
        for number, offset in enumerate(range(0, size, part_bytes), start=1)
    ]
