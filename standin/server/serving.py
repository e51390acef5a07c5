"""The models a server answers to: the one it was started with, and the adapters that were loaded on it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from standin.server.batching import Batcher
from standin.server.engine import Engine
from standin.server.errors import RequestRefused, UnknownModel

MAX_ADAPTERS = 32


@dataclass(frozen=True)
class Limits:
    """Bounds of the server: sequences per batch and in the queue, bytes per request, the wait for company."""

    max_batch: int = 64
    max_waiting: int = 512
    max_body_bytes: int = 1_000_000
    gather_seconds: float = 0.004


@dataclass(frozen=True)
class Served:
    """One model and the queue in front of it."""

    engine: Engine
    batcher: Batcher


class Serving:
    """The served models by name; the first is the one that adapters are for."""

    def __init__(self, engine: Engine, name: str, limits: Limits) -> None:
        self.name = name
        self._folder = Path(engine.root)
        self._limits = limits
        self._loading = asyncio.Lock()
        self.models = {name: self._served(engine)}

    def start(self) -> None:
        for served in self.models.values():
            served.batcher.start()

    async def close(self) -> None:
        for served in self.models.values():
            await served.batcher.close()

    def of(self, model: str) -> Served:
        """Raises `UnknownModel`."""
        found = self.models.get(model)
        if found is None:
            there = ", ".join(f"`{name}`" for name in self.models)
            raise UnknownModel(f"the model `{model}` is not served here; {there} is", "model")
        return found

    async def load(self, name: str, path: str) -> None:
        """Raises `RequestRefused` for a name that is taken, too many of them, or what is no adapter."""
        async with self._loading:
            if name in self.models:
                raise RequestRefused(f"the lora adapter `{name}` has already been loaded", "lora_name")
            if len(self.models) > MAX_ADAPTERS:
                raise RequestRefused(f"{MAX_ADAPTERS} adapters are loaded; unload one first", "lora_name")
            try:
                engine = await asyncio.to_thread(Engine, self._folder, Path(path))
            except (OSError, ValueError, RuntimeError, KeyError) as error:
                raise RequestRefused(
                    f"no adapter could be loaded from {path}: {error}", "lora_path"
                ) from error
            served = self._served(engine)
            served.batcher.start()
            self.models[name] = served

    async def unload(self, name: str) -> None:
        """Raises `UnknownModel`."""
        if name == self.name or name not in self.models:
            raise UnknownModel(f"the lora adapter `{name}` cannot be found", "lora_name")
        await self.models.pop(name).batcher.close()

    def _served(self, engine: Engine) -> Served:
        limits = self._limits
        batcher = Batcher(engine, limits.max_batch, limits.max_waiting, limits.gather_seconds)
        return Served(engine, batcher)
