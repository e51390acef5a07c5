"""The plan of an experiment: every job it may take, known before anything runs.

Since an artifact's id follows from the request that makes it, and a request names its inputs by id, the ids
of a whole experiment are known at once. Only a gather changes while it runs: it leaves out what failed.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.graph import Graph, needed_steps, own_axes
from services.gateway.experiments.references import (
    AxisRef,
    Gather,
    InputRef,
    LabelRef,
    Literal,
    ParameterRef,
    RecipeRef,
    Reference,
    StepRef,
    Template,
    fill,
    inside,
)
from shared.contracts.base import JobRequest
from shared.contracts.experiment import StopIf

NAMES = ("name", "pool")
"""Of a gathered run, what may be told by labels."""
Labels = dict[str, str]
"""Where a node stands: axis → label."""


DECIDED = "decided"
"""The value of a report that says that no further seed would change its verdict."""


@dataclass(frozen=True)
class GateStopped:
    """In place of an artifact: a gate stopped the step, or one that it needs, and why. `not_needed`: what it
    would have told was decided already, and its run is left out of reports."""

    why: str
    not_needed: bool = False


Made = Callable[[str, Labels], str | GateStopped | None]
"""The artifact of a step for some labels; None when it could not be made."""


@dataclass(frozen=True)
class Gate:
    """`measured` is the node whose measurement decides."""

    rule: StopIf
    measured: str


@dataclass(frozen=True)
class Node:
    """One job of the plan. `height`: jobs on the longest way from here to an end, itself included."""

    key: str
    step: str
    labels: Labels
    request: JobRequest
    artifact: str
    needs: frozenset[str]
    gathers: frozenset[str]
    height: int = 1
    gate: Gate | None = None
    also: tuple[str, ...] = ()
    """Other names of the same work."""
    seen: tuple[str, ...] | None = None
    """Of a report before the last one: the seeds that it looks at."""


@dataclass(frozen=True)
class ExperimentPlan:
    """`nodes` by key, each after those it depends on; `keys` leads from any name of a node to its key."""

    graph: Graph
    catalogue: Catalogue
    nodes: dict[str, Node]
    keys: dict[str, str] = field(repr=False)

    @property
    def report(self) -> Node:
        return self.nodes[self.keys[self.graph.recipe.report]]

    def bind(self, node: Node, made: Mapping[str, str | GateStopped | None]) -> JobRequest | None:
        """The node's request when some artifacts turned out otherwise; None when nothing is left to gather.

        `made`: the artifact of every node this one depends on, None for what could not be made, or the reason
        why it was not to be made.
        """
        graph = self.graph if node.seen is None else at_first(self.graph, node.seen)
        body = fill_request(graph, node.step, node.labels, lambda step, labels: made[self._key(step, labels)])
        if body is None:
            return None
        return self.catalogue.request(self.graph.recipe.steps[node.step].operation, body)

    def _key(self, step: str, labels: Labels) -> str:
        return self.keys[node_key(step, only(labels, self.graph.axes[step]))]


def at_first(graph: Graph, seen: tuple[str, ...]) -> Graph:
    """The graph as if the axis of `stop` had these labels only."""
    assert graph.recipe.stop is not None
    axis = graph.recipe.stop.axis
    return replace(graph, values=graph.values | {axis: {label: graph.values[axis][label] for label in seen}})


def node_key(step: str, labels: Labels) -> str:
    """`trained[topics=20, seed=1]`."""
    return f"{step}[{describe(labels)}]" if labels else step


def describe(labels: Labels) -> str:
    return ", ".join(f"{axis}={label}" for axis, label in labels.items())


def fill_request(graph: Graph, step: str, labels: Labels, made: Made) -> Template | None:
    """The step's request for some labels; None when none of its gathers finds anything that is left."""
    gathered: list[bool] = []

    def meaning(reference: Reference) -> Any:
        found = _meaning(graph, reference, labels, made)
        if isinstance(reference, Gather):
            gathered.append(bool(found))
        return found

    body: Template = fill(graph.templates[step], meaning)
    if graph.recipe.stop is not None and step == graph.recipe.report:
        body = body | {"matters": graph.recipe.stop.matters}
    return None if gathered and not any(gathered) else body


class _Absent(Exception):
    def __init__(self, why: str | None, *, not_needed: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.not_needed = not_needed


def _meaning(graph: Graph, reference: Reference, labels: Labels, made: Made) -> Any:
    if isinstance(reference, Gather):
        return _gathered(graph, reference, labels, made)
    if isinstance(reference, StepRef):
        artifact = made(reference.name, labels)
        if isinstance(artifact, GateStopped):
            raise _Absent(artifact.why, not_needed=artifact.not_needed)
        if artifact is None:
            raise _Absent(None)
        return artifact
    if isinstance(reference, InputRef):
        return graph.recipe.inputs[reference.name]
    if isinstance(reference, ParameterRef):
        return inside(graph.recipe.parameters[reference.name], reference.inside)
    if isinstance(reference, AxisRef):
        return inside(graph.values[reference.name][labels[reference.name]], reference.inside)
    if isinstance(reference, LabelRef):
        return labels[reference.name]
    if isinstance(reference, RecipeRef):
        return graph.recipe.canonical()
    assert isinstance(reference, Literal)
    return reference.value


def _gathered(graph: Graph, gather: Gather, labels: Labels, made: Made) -> list[Template]:
    repeated = [
        (_run(graph, template, at, made), at)
        for template in gather.runs
        for at in assignments(graph, run_axes(graph, template), labels)
    ]
    found = [(run, at) for run, at in repeated if run is not None]
    placed = [
        (run, at | {axis: str(value) for axis, value in run["axes"].items() if axis not in at})
        for run, at in found
    ]
    for (run, _), name in zip(placed, _distinct_names(placed), strict=True):
        if name != run["name"]:
            run["label"], run["name"] = run["name"], name
    return [run for run, _ in found]


def _distinct_names(found: list[tuple[Template, Labels]]) -> list[str]:
    """The runs' names, each with the axes that tell it from those of the same name: `D1 (seed=2)`."""
    names = []
    for run, at in found:
        alike = [labels for other, labels in found if other["name"] == run["name"]]
        apart = {axis: label for axis, label in at.items() if any(o.get(axis) != label for o in alike)}
        names.append(f"{run['name']} ({describe(apart)})" if apart else run["name"])
    return names


def _run(graph: Graph, template: Template, at: Labels, made: Made) -> Template | None:
    """One gathered run, without the artifacts that could not be made; None when it has none at all."""
    run: Template = {"name": describe(at) or "run", "axes": _plain(graph, at)}
    if at and "name" not in template:
        run["label"] = "run"
    whole = absent = 0
    for name, item in template.items():
        if name in NAMES and isinstance(item, LabelRef | list):
            run[name] = _named(graph, item, at)
            continue
        needs = bool(needed_steps(item))
        if name == "axes":
            run["axes"] |= item
            continue
        try:
            run[name] = fill(item, lambda ref: _meaning(graph, ref, at, made))
            whole += needs
        except _Absent as lost:
            if lost.not_needed:
                return None
            absent += 1
            if lost.why is not None:
                run["stopped"] = lost.why
    return None if absent and not whole else run


def _named(graph: Graph, item: LabelRef | list[LabelRef | str], at: Labels) -> str:
    """A label, or several and words between them: `[real +, {label: level}]` is `real + D4`."""
    parts = item if isinstance(item, list) else [item]
    return " ".join(
        _told(graph, part.name, at[part.name]) if isinstance(part, LabelRef) else str(part) for part in parts
    )


def _told(graph: Graph, axis: str, label: str) -> str:
    """A label that names a run by itself: a number that nobody gave a label is told with its axis."""
    unnamed = isinstance(graph.recipe.sweep[axis], list) and not isinstance(graph.values[axis][label], str)
    return describe({axis: label}) if unnamed else label


def _plain(graph: Graph, labels: Labels) -> Template:
    """The axes as a run tells them: the value where it is plain, else its label."""
    values = {axis: graph.values[axis][label] for axis, label in labels.items()}
    return {
        axis: value if isinstance(value, str | int | float | bool) else labels[axis]
        for axis, value in values.items()
    }


def run_axes(graph: Graph, template: Template) -> tuple[str, ...]:
    """The axes that a gathered run is repeated for."""
    found = own_axes(template)
    for step in needed_steps(template):
        found.update(graph.axes[step])
    return tuple(axis for axis in graph.recipe.sweep if axis in found)


def assignments(graph: Graph, axes: tuple[str, ...], pinned: Labels) -> Iterator[Labels]:
    """Every combination of the axes' labels; an axis that is pinned keeps its label."""
    choices = [[pinned[axis]] if axis in pinned else list(graph.values[axis]) for axis in axes]
    for labels in itertools.product(*choices):
        yield dict(zip(axes, labels, strict=True))


def only(labels: Labels, axes: tuple[str, ...]) -> Labels:
    return {axis: labels[axis] for axis in axes}
