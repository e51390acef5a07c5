"""An image installs one extra: whatever its code imports has to come with it, and be in the constraints."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.deploy.closure import installed
from tests.deploy.processes import SERVICES

ROOT = Path(__file__).resolve().parents[2]
OURS = {"shared", "services", "standin"}
SENTENCES = "services/metrics/semantic/sentence_"  # only where torch is: asked for by name
EXTRAS_OF_THEIR_OWN = {"ray", "lm-eval", "sacrebleu"}
ALSO = {"trainer": ["standin"]}  # the image of the trainer carries the stand-in


@pytest.mark.parametrize("service", SERVICES)
def test_an_extra_brings_whatever_its_code_imports(service: str) -> None:
    folders = ["shared", f"services/{service}", *ALSO.get(service, [])]
    files = {path for folder in folders for path in (ROOT / folder).rglob("*.py")}
    missing = {}
    for path in files:
        optional = installed("embeddings") if str(path.relative_to(ROOT)).startswith(SENTENCES) else set()
        for name in _imported(path):
            providers = {canonicalize_name(d) for d in _providers().get(name, [name])}
            if not providers & (installed(service) | optional | EXTRAS_OF_THEIR_OWN):
                missing[name] = str(path.relative_to(ROOT))
    assert missing == {}


@pytest.mark.parametrize("service", [*SERVICES, "embeddings"])
def test_whatever_an_extra_brings_has_one_version(service: str) -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {canonicalize_name(line.split("==")[0]) for line in lines if "==" in line}
    assert installed(service) - {"gamut", "setuptools"} <= pinned  # `pip freeze` leaves setuptools out


@cache
def _providers() -> Mapping[str, list[str]]:
    """Import name → the distributions that have it."""
    return packages_distributions()


def _imported(path: Path) -> set[str]:
    """The top-level names of other people's packages that a file imports, unless it can do without."""
    tree = ast.parse(path.read_text())
    optional = {node for attempt in ast.walk(tree) if _may_fail(attempt) for node in ast.walk(attempt)}
    names = set()
    for node in set(ast.walk(tree)) - optional:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - set(sys.stdlib_module_names) - OURS


def _may_fail(node: ast.AST) -> bool:
    """Whether it is `try: import … except ImportError: …`."""
    return isinstance(node, ast.Try) and any(
        isinstance(handler.type, ast.Name) and handler.type.id in ("ImportError", "ModuleNotFoundError")
        for handler in node.handlers
    )
