"""Kernels have no annotations, for numba finds their types; what stands beside them is typed as all is."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[5]


def lenient_modules() -> list[str]:
    """Those in which mypy lets functions go untyped."""
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    return [name for one in overrides if one.get("disallow_untyped_defs") is False for name in one["module"]]


def untyped(module: str) -> Iterator[ast.FunctionDef]:
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            named = [one for one in given if one.arg not in ("self", "cls")]
            if node.returns is None or any(one.annotation is None for one in named):
                yield node


@pytest.mark.parametrize("module", lenient_modules())
def test_only_what_numba_compiles_is_untyped(module: str) -> None:
    found = list(untyped(module))
    assert found, "has no kernel: mypy need not be lenient here"
    for function in found:
        assert [ast.unparse(mark) for mark in function.decorator_list] == ["compiled"], function.name
