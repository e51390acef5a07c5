"""Every hop of docs/walks.md is a function that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs" / "walks.md").read_text(encoding="utf-8")
SECTIONS = {title: body for title, _, body in (s.partition("\n") for s in TEXT.split("\n## ")[1:])}
COMMON = "The way of a job"
LONGEST = {
    "`temperature` of a generation": 25,
    "A recipe, to its report": 30,
    "`settings.lora.r` of a training": 20,
}
"""Hops, the way of a job among them: two thirds of the functions on each when they were first counted."""


def hops(title: str) -> list[tuple[str, str]]:
    steps = re.findall(r"^\d+\. .*?(?=^\d+\. |\Z)", SECTIONS[title], re.MULTILINE | re.DOTALL)
    return [hop for step in steps for hop in re.findall(r"`([\w/]+\.py):([\w.]+)`", step)]


@cache
def functions(path: str) -> frozenset[str]:
    """Of a file: `function`, `Class.method`."""

    def walk(body: list[ast.stmt], inside: str) -> Iterator[str]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield inside + node.name
            elif isinstance(node, ast.ClassDef):
                yield from walk(node.body, f"{inside}{node.name}.")

    return frozenset(walk(ast.parse((ROOT / path).read_text(encoding="utf-8")).body, ""))


@pytest.mark.parametrize("title", SECTIONS)
def test_each_hop_exists(title: str) -> None:
    found = hops(title)
    assert found
    assert [f"{path}:{name}" for path, name in found if name not in functions(path)] == []


@pytest.mark.parametrize("title", LONGEST)
def test_a_walk_is_no_longer_than_it_was_found_worth(title: str) -> None:
    assert len(hops(COMMON)) + len(hops(title)) <= LONGEST[title]
