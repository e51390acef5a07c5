"""Peers that need help to be imported, and their versions."""

from __future__ import annotations

import importlib
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = ["diversity", "version"]


def diversity(module: str) -> Any:
    """A module of `diversity`, whose own `__init__` imports spaCy and a translation of all metrics."""
    if "diversity" not in sys.modules:
        package = ModuleType("diversity")
        spec = find_spec("diversity")
        assert spec is not None
        package.__path__ = [str(Path(str(spec.origin)).parent)]
        sys.modules["diversity"] = package
    return importlib.import_module(f"diversity.{module}")
