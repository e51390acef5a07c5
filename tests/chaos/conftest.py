"""Suites that may be harmed: each test has its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from embedded.suite import Suite, start, stop
from tests.ports import free_port


@pytest.fixture
def fresh_suite(tmp_path: Path) -> Iterator[Callable[[str], Suite]]:
    """Starts a suite with nothing in it, by name; each is stopped at the end."""
    started: list[Path] = []

    def make(name: str) -> Suite:
        data_dir = tmp_path / name
        started.append(data_dir)
        return start(data_dir, None, free_port(), lambda waited_for: None)

    try:
        yield make
    finally:
        for data_dir in started:
            stop(data_dir)
