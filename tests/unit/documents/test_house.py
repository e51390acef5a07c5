"""What STYLEGUIDE.md says of files, folders and names, as far as it can be counted."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from statistics import median

import pytest

ROOT = Path(__file__).resolve().parents[3]
CODE = ("services", "shared", "embedded", "standin")
SHIPPED = ("services", "shared", "embedded")
MEDIAN_LINES, MOST_LINES, MOST_FILES = 100, 400, 15


@cache
def files(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if path.name != "__init__.py")


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_files_are_small() -> None:
    counts = {path.relative_to(ROOT): lines(path) for path in files(*CODE)}
    assert median(counts.values()) <= MEDIAN_LINES
    assert {str(path): count for path, count in counts.items() if count > MOST_LINES} == {}


def test_a_folder_holds_few_files_or_says_why() -> None:
    """The reason stands in the docstring of its `__init__`, in a sentence that says how many files."""
    folders = defaultdict(list)
    for path in files(*CODE):
        folders[path.parent].append(path)
    for folder, held in folders.items():
        if len(held) > MOST_FILES:
            told = ast.get_docstring(ast.parse((folder / "__init__.py").read_text(encoding="utf-8"))) or ""
            assert re.search(r"\bfiles\b", told), f"{folder.relative_to(ROOT)} holds {len(held)} files"


def test_a_class_has_a_name_of_its_own() -> None:
    found = defaultdict(set)
    for path in files(*SHIPPED):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].add(str(path.relative_to(ROOT)))
    assert {name: sorted(paths) for name, paths in found.items() if len(paths) > 1} == {}


@pytest.mark.parametrize(
    "document", [*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")], ids=lambda path: path.stem
)
def test_a_module_that_a_document_names_exists(document: Path) -> None:
    if document.name == "CHANGELOG.md":  # it says what was
        return
    text = document.read_text(encoding="utf-8")
    for name in set(re.findall(r"`((?:services|shared|standin|embedded)(?:\.\w+)+)`", text)):
        parts = name.split(".")
        places = [ROOT.joinpath(*parts[:end]) for end in (len(parts), len(parts) - 1)]
        assert any(place.is_dir() or place.with_suffix(".py").exists() for place in places), name


def test_architecture_is_one_page() -> None:
    assert lines(ROOT / "ARCHITECTURE.md") <= 70
