"""The drawing of an experiment's steps."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.pages.drawing import BOX_HEIGHT, BOX_WIDTH, draw
from services.gateway.views import ExperimentNode


def node(step: str, needs: list[str], state: str = "waiting", name: str | None = None) -> ExperimentNode:
    return ExperimentNode(
        name=name or step, also=[], step=step, axes={}, operation="train", needs=needs, state=state, job=None,
        artifact=None,
    )  # fmt: skip


@st.composite
def graphs(draw_: st.DrawFn) -> list[ExperimentNode]:
    nodes: list[ExperimentNode] = []
    for number in range(draw_(st.integers(1, 12))):
        before = draw_(st.sets(st.sampled_from([n.name for n in nodes]), max_size=4)) if nodes else set()
        nodes.append(node(f"s{number}", sorted(before)))
    return nodes


@given(graphs())
def test_steps_stand_right_of_what_they_need_and_never_on_each_other(nodes: list[ExperimentNode]) -> None:
    drawing = draw(nodes)
    at = {box.step: box for box in drawing.boxes}
    for found in nodes:
        assert all(at[needed].x + BOX_WIDTH < at[found.step].x for needed in found.needs)
    for one, other in combinations(drawing.boxes, 2):
        assert one.x != other.x or abs(one.y - other.y) >= BOX_HEIGHT
    assert all(
        box.x + BOX_WIDTH <= drawing.width and box.y + BOX_HEIGHT <= drawing.height for box in drawing.boxes
    )


@given(graphs())
def test_no_line_runs_through_a_box(nodes: list[ExperimentNode]) -> None:
    drawing = draw(nodes)
    for line in drawing.lines:
        for left, y in re.findall(r" (\d+),(\d+) H", line):
            assert not any(
                box.x == int(left) and box.y <= int(y) <= box.y + BOX_HEIGHT for box in drawing.boxes
            )


@given(graphs())
def test_every_need_can_be_followed_along_the_lines(nodes: list[ExperimentNode]) -> None:
    """Lines that say nothing new are left out, and nothing else."""
    needs = {found.step: set(found.needs) for found in nodes}
    lines = len(draw(nodes).lines)
    direct = {(a, b) for b, before in needs.items() for a in before}
    implied = {
        (a, b) for a, b in direct if any(a in _above(needs, middle) for middle in needs[b] if middle != a)
    }
    assert lines == len(direct - implied)


def _above(needs: dict[str, set[str]], step: str) -> set[str]:
    return needs[step] | {far for near in needs[step] for far in _above(needs, near)}


def test_a_step_tells_the_worst_of_its_jobs() -> None:
    def state(*states: str) -> str:
        members = [node("s", [], state, name=f"s[{number}]") for number, state in enumerate(states)]
        return draw(members).boxes[0].state

    assert state("succeeded", "succeeded") == "succeeded"
    assert state("succeeded", "failed", "running") == "failed"
    assert state("succeeded", "queued") == "running"
    assert state("waiting", "queued") == "queued"


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (("stopped", "stopped"), "stopped"),
        (("stopped", "succeeded"), "stopped"),
        (("stopped", "running"), "running"),
        (("succeeded", "waiting"), "running"),
        (("failed", "stopped"), "failed"),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_a_step_is_shown_by_the_worst_of_its_jobs(states: tuple[str, ...], shown: str) -> None:
    """What a gate stopped was shown as waiting for ever."""
    [box] = draw([node("s", [], state, f"s[{n}]") for n, state in enumerate(states)]).boxes
    assert box.state == shown
