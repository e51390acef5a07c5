"""Which tests run in the same process where there are several (`make test` starts one for each core).

What takes long to start is started once: the tests that need the same suite or the same vLLM stay together,
and so do the tests of a file, for what its fixtures start. The longest begin first, so that nobody waits for
them at the end. A process starts a Redis of its own; no two share anything else but the machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LONGEST = (
    "vllm",
    "e2e",
    "chaos",
    "contract/documents",
    "integration",
    "unit/services/trainer",
    "unit/standin",
)
"""Where the work starts, by group or folder."""
WHOLE_SUITES = ("e2e", "chaos")


def mark_slow(items: list[pytest.Item]) -> None:
    """What starts a whole suite takes minutes: `-m "not slow"` leaves it out."""
    for item in items:
        if item.path.relative_to(TESTS).parts[0] in WHOLE_SUITES:
            item.add_marker(pytest.mark.slow)


def share(items: list[pytest.Item]) -> None:
    """Marks each test with the group it stays with, and brings the longest groups to the front."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=rank)  # stable: the tests of a group keep their order


def group(item: pytest.Item) -> str:
    if item.get_closest_marker("vllm"):
        return "vllm"
    if "suite" in getattr(item, "fixturenames", ()) and item.path.parent == TESTS / "e2e":
        return "e2e"
    return item.path.relative_to(TESTS).as_posix()


def rank(item: pytest.Item) -> tuple[int, str]:
    name = group(item)
    return next((place for place, start in enumerate(LONGEST) if name.startswith(start)), len(LONGEST)), name
