"""What a command line of ours starts, and which settings that process reads."""

from __future__ import annotations

import importlib
import inspect
from dataclasses import dataclass

from shared.settings import CommonSettings

SERVICES = ("gateway", "generator", "metrics", "trainer")


@dataclass(frozen=True)
class Started:
    """`module`: what runs; `queue`: what a worker or a job's pod takes from, None for others."""

    service: str
    module: str
    queue: str | None


def started(command: list[str], image: str) -> Started | None:
    """Reads the command of a container; without one the image's own API is started. None: not ours."""
    if not command:
        service = image.rsplit("/", 1)[-1].split(":")[0].removesuffix("-cuda")
        return Started(service, f"services.{service}.api", None) if service in SERVICES else None
    modules = [word for word in command if word.startswith("services.")]
    if not modules:
        return None
    queue = None
    if command[0] == "celery":
        queue = command[command.index("-Q") + 1]
    elif command[:3] == ["python", "-m", "shared.once"]:
        queue = command[4]
    return Started(modules[0].split(".")[1], modules[0], queue)


def settings_of(service: str) -> type[CommonSettings]:
    """The settings class of a service's processes."""
    module = importlib.import_module(f"services.{service}.settings")
    classes = [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, CommonSettings) and kind.__module__ == module.__name__
    ]
    assert len(classes) == 1, f"services.{service}.settings is to define one class of settings"
    return classes[0]


def variables_read(service: str) -> set[str]:
    """The `GAMUT_*` variables that a service's processes read."""
    return {f"GAMUT_{name.upper()}" for name in settings_of(service).model_fields}
