"""The graph of an experiment's steps as boxes and lines, from left to right.

Sugiyama's layered drawing in its simplest form: a layer for each place on the longest way; a line that spans
several layers holds a free slot in each of those between; a layer is ordered by where its slots come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.gateway.views import ExperimentNode

BOX_WIDTH, BOX_HEIGHT = 168, 52
GAP_X, GAP_Y = 56, 16
MARGIN = 8
_WORST_FIRST = (
    "failed",
    "cancelled",
    "blocked",
    "running",
    "cancelling",
    "queued",
    "waiting",
    "stopped",
    "succeeded",
)
Edge = tuple[str, str]
Slot = str | Edge
"""A step, or a line on its way through a layer."""


@dataclass(frozen=True)
class Box:
    """A step: `state` is the worst of its jobs', or `running` while some are done and some are not."""

    step: str
    operation: str
    state: str
    done: int
    total: int
    x: int
    y: int


@dataclass(frozen=True)
class Drawing:
    """`lines` are SVG paths."""

    boxes: list[Box]
    lines: list[str]
    width: int
    height: int


def draw(nodes: Sequence[ExperimentNode]) -> Drawing:
    steps: dict[str, list[ExperimentNode]] = {}
    for node in nodes:
        steps.setdefault(node.step, []).append(node)
    step_of = {node.name: node.step for node in nodes}
    needs = {
        step: {step_of[needed] for node in members for needed in node.needs}
        for step, members in steps.items()
    }
    layers, edges = _layers(needs)
    row = {(depth, slot): y for depth, layer in enumerate(layers) for y, slot in enumerate(layer)}
    depth = {slot: x for x, layer in enumerate(layers) for slot in layer if isinstance(slot, str)}
    boxes = [_box(step, members, depth[step], row[depth[step], step]) for step, members in steps.items()]
    lines = [_path(edge, depth, row) for edge in edges]
    width = 2 * MARGIN + len(layers) * (BOX_WIDTH + GAP_X) - GAP_X
    height = 2 * MARGIN + max(map(len, layers), default=1) * (BOX_HEIGHT + GAP_Y) - GAP_Y
    return Drawing(boxes, lines, width, height)


def step_state(members: Sequence[ExperimentNode]) -> str:
    states = {node.state for node in members}
    worst = next((state for state in _WORST_FIRST if state in states), "waiting")
    return "running" if worst in ("queued", "waiting") and "succeeded" in states else worst


def _layers(needs: Mapping[str, set[str]]) -> tuple[list[list[Slot]], list[Edge]]:
    """The layers in their order, and the lines to draw; `needs` lists each step after those it needs."""
    depths: dict[str, int] = {}
    for step, before in needs.items():
        depths[step] = 1 + max((depths[needed] for needed in before), default=-1)
    edges = [(needed, step) for step in needs for needed in sorted(_direct(step, needs))]
    layers: list[list[Slot]] = [[] for _ in range(1 + max(depths.values(), default=0))]
    for step, depth in depths.items():
        layers[depth].append(step)
    for edge in edges:
        for depth in range(depths[edge[0]] + 1, depths[edge[1]]):
            layers[depth].append(edge)
    for left, layer in pairwise(layers):
        row = {slot: number for number, slot in enumerate(left)}
        layer.sort(key=lambda slot, row=row: _centre(slot, edges, row))  # type: ignore[misc]
    return layers, edges


def _direct(step: str, needs: Mapping[str, set[str]]) -> set[str]:
    """What a step needs and does not get through another step that it needs: the rest would only clutter."""
    return needs[step] - {far for near in needs[step] for far in _all_needs(near, needs)}


def _all_needs(step: str, needs: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [step]
    while waiting:
        fresh = needs[waiting.pop()] - found
        found |= fresh
        waiting += fresh
    return found


def _centre(slot: Slot, edges: Sequence[Edge], row: Mapping[Slot, int]) -> float:
    """The mean row, in the layer before, of what leads here."""
    if isinstance(slot, tuple):
        return row.get(slot, row.get(slot[0], 0))
    rows = [row.get(edge, row.get(edge[0], 0)) for edge in edges if edge[1] == slot]
    return sum(rows) / len(rows) if rows else len(row)


def _box(step: str, members: Sequence[ExperimentNode], layer: int, row: int) -> Box:
    done = sum(node.state == "succeeded" for node in members)
    return Box(step, members[0].operation, step_state(members), done, len(members), _left(layer), _top(row))


def _path(edge: Edge, depth: Mapping[str, int], row: Mapping[tuple[int, Slot], int]) -> str:
    """From the right side of one box to the left side of another, straight through the slots between."""
    start, end = depth[edge[0]], depth[edge[1]]
    y = _middle(row[start, edge[0]])
    path = f"M{_left(start) + BOX_WIDTH},{y}"
    for layer in range(start + 1, end + 1):
        x, to = _left(layer), _middle(row[layer, edge if layer < end else edge[1]])
        path += f" C{x - GAP_X // 2},{y} {x - GAP_X // 2},{to} {x},{to}"
        if layer < end:
            path += f" H{x + BOX_WIDTH}"
        y = to
    return path


def _left(layer: int) -> int:
    return MARGIN + layer * (BOX_WIDTH + GAP_X)


def _top(row: int) -> int:
    return MARGIN + row * (BOX_HEIGHT + GAP_Y)


def _middle(row: int) -> int:
    return _top(row) + BOX_HEIGHT // 2
