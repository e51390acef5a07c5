"""The documents name only what exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOP = ("ARCHITECTURE.md", "CONTRIBUTING.md", "README.md", "STYLEGUIDE.md")
DOCUMENTS = [*TOP, *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/**/*.md"))]
FOLDERS = (
    "services/",
    "shared/",
    "standin/",
    "embedded/",
    "tests/",
    "docs/",
    "k8s/",
    "examples/",
    "benchmarks/",
    "clients/",
)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_a_document_names_exists(document: str) -> None:
    text = (ROOT / document).read_text()
    named = {path for path in re.findall(r"`([\w./-]+)`", text) if path.startswith(FOLDERS)}
    named = {path for path in named if not re.search("NAME|SERVICE", path)}  # of what is yet to be written
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_every_make_target_a_document_names_exists() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    targets = {line.split()[0] for line in listed.splitlines()}
    for document in DOCUMENTS:
        named = set(re.findall(r"`make ([a-z-]+)", (ROOT / document).read_text()))
        assert named <= targets, document
