"""The little that the generator's domain needs of a store: named objects under one prefix.

The worker gives `StoreParts` over the suite's object store; a preview, which keeps nothing, `MemoryParts`.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from shared.store.base import ObjectNotFound, ObjectStore


class Parts(Protocol):
    """Objects by name. A `put` is durable when it returns."""

    async def put(self, name: str, data: bytes) -> None: ...

    async def get(self, name: str) -> bytes:
        """Raises `KeyError` when there is no such object."""
        ...

    async def names(self, prefix: str = "") -> list[str]:
        """Every name that starts with `prefix`, in order."""
        ...

    async def delete(self, name: str) -> None: ...


class MemoryParts:
    """Nothing survives the process."""

    def __init__(self) -> None:
        self._objects: dict[str, bytes] = {}

    async def put(self, name: str, data: bytes) -> None:
        self._objects[name] = data

    async def get(self, name: str) -> bytes:
        return self._objects[name]

    async def names(self, prefix: str = "") -> list[str]:
        return sorted(name for name in self._objects if name.startswith(prefix))

    async def delete(self, name: str) -> None:
        self._objects.pop(name, None)


class StoreParts:
    """A folder of an object store; its blocking calls run in threads, off the event loop."""

    def __init__(self, store: ObjectStore, folder: str) -> None:
        self._store = store
        self._folder = folder.rstrip("/") + "/"

    async def put(self, name: str, data: bytes) -> None:
        await asyncio.to_thread(self._store.put, self._folder + name, data)

    async def get(self, name: str) -> bytes:
        try:
            return await asyncio.to_thread(self._store.get, self._folder + name)
        except ObjectNotFound as error:
            raise KeyError(name) from error

    async def names(self, prefix: str = "") -> list[str]:
        return await asyncio.to_thread(self._names, prefix)

    def _names(self, prefix: str) -> list[str]:
        start = len(self._folder)
        return [info.key[start:] for info in self._store.list(self._folder + prefix)]

    async def delete(self, name: str) -> None:
        await asyncio.to_thread(self._store.delete, self._folder + name)
