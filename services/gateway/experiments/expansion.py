"""From a recipe to its plan: axes multiplied out, every request validated, equal work made one job."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import ValidationError

from services.gateway.catalogue import Catalogue, UnknownNames
from services.gateway.documents.pointers import Place, faults
from services.gateway.experiments.errors import refuse
from services.gateway.experiments.graph import Fault, Graph, make_graph, needed_steps
from services.gateway.experiments.plan import (
    ExperimentPlan,
    Gate,
    Labels,
    Node,
    assignments,
    at_first,
    fill_request,
    node_key,
    only,
    run_axes,
)
from services.gateway.experiments.references import AxisRef, Gather, ParameterRef, Template, at, runs
from services.gateway.experiments.stopping import looks_of, stop_faults, with_gates
from shared.contracts.base import JobRequest
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.problems import pointer
from shared.identity import artifact_id

MAX_NODES = 2000
MAX_GATHERED = 2000


def expand(recipe: ExperimentRequest, catalogue: Catalogue) -> ExperimentPlan:
    """Raises `InvalidRecipe`, with a pointer to every place that is wrong."""
    refuse(stop_faults(recipe))
    graph = make_graph(recipe, catalogue.operations)
    _check_size(graph)
    expansion = _Expansion(graph, catalogue)
    for step in graph.templates:
        for labels in assignments(graph, graph.axes[step], {}):
            expansion.add(step, labels)
        refuse(expansion.faults)  # steps that refer to a wrong one would only repeat its faults
    nodes = expansion.nodes
    if looks := [_look(graph, catalogue, expansion, seen) for seen in looks_of(graph)]:
        nodes = with_gates(nodes, looks, graph)
        expansion.keys.update({look.key: look.key for look in looks})
    return ExperimentPlan(graph, catalogue, _with_heights(nodes), expansion.keys)


def _look(graph: Graph, catalogue: Catalogue, whole: _Expansion, seen: tuple[str, ...]) -> Node:
    """The report of the seeds so far."""
    expansion = _Expansion(at_first(graph, seen), catalogue)
    expansion.nodes, expansion.keys = dict(whole.nodes), dict(whole.keys)
    found = expansion.made(graph.recipe.report, {})
    assert found is not None  # the whole report is one
    assert graph.recipe.stop is not None
    return replace(found, key=f"{found.step}[{graph.recipe.stop.axis}≤{seen[-1]}]", seen=seen)


class _Expansion:
    def __init__(self, graph: Graph, catalogue: Catalogue) -> None:
        self._graph = graph
        self._catalogue = catalogue
        self._by_work: dict[tuple[str, Gate | None], str] = {}
        self.nodes: dict[str, Node] = {}
        self.keys: dict[str, str] = {}
        self.faults: list[Fault] = []

    def add(self, step: str, labels: Labels) -> None:
        made = self.made(step, labels)
        if made is None:
            return
        first = self._by_work.setdefault((made.artifact, made.gate), made.key)
        self.keys[made.key] = first
        if first != made.key:
            self.nodes[first] = replace(self.nodes[first], also=(*self.nodes[first].also, made.key))
            return
        self.nodes[made.key] = made

    def made(self, step: str, labels: Labels) -> Node | None:
        """The step's node; None, and its faults are kept, where its request is wrong."""
        body = fill_request(self._graph, step, labels, self._artifact)
        assert body is not None  # while planning nothing is missing
        request = self._validated(step, labels, body)
        if request is None:
            return None
        return Node(
            node_key(step, labels),
            step,
            labels,
            request,
            artifact_id(request),
            needs=frozenset(self._needs(step, labels)),
            gathers=frozenset(self._gathers(step, labels)),
            gate=self._gate(step, labels),
        )

    def _artifact(self, step: str, labels: Labels) -> str:
        return self.nodes[self._key(step, labels)].artifact

    def _key(self, step: str, labels: Labels) -> str:
        return self.keys[node_key(step, only(labels, self._graph.axes[step]))]

    def _needs(self, step: str, labels: Labels) -> Iterator[str]:
        for needed in self._graph.needed(step):
            yield self._key(needed, labels)

    def _gate(self, step: str, labels: Labels) -> Gate | None:
        found = self._graph.recipe.steps[step].stop_if
        return Gate(found, self._key(found.of, labels)) if found else None

    def _gathers(self, step: str, labels: Labels) -> Iterator[str]:
        for run in runs(self._graph.templates[step]):
            for here in assignments(self._graph, run_axes(self._graph, run), labels):
                for needed in needed_steps(run):
                    yield self._key(needed, here)

    def _validated(self, step: str, labels: Labels, body: Template) -> JobRequest | None:
        try:
            return self._catalogue.request(self._graph.recipe.steps[step].operation, body)
        except (ValidationError, UnknownNames) as error:
            found = error.faults if isinstance(error, UnknownNames) else faults(error)
            self.faults += [placed(self._graph, step, labels, place, detail) for place, detail in found]
        except ValueError as error:  # a number or a text that JSON cannot carry
            self.faults.append((("steps", step, "request"), str(error)))
        return None


def placed(graph: Graph, step: str, labels: Labels, place: Place, detail: str) -> Fault:
    """Where in the recipe a request's fault comes from: an axis' value, a gather, a parameter, the step."""
    found = at(graph.templates[step], place)
    if found is None:
        return ("steps", step, "request", *place), detail
    where, reference = found
    here: Place = ("steps", step, "request", *where)
    if isinstance(reference, AxisRef):
        label = labels[reference.name]
        listed = isinstance(graph.recipe.sweep[reference.name], list)
        value = list(graph.values[reference.name]).index(label) if listed else label
        return ("sweep", reference.name, value, *place[len(where) :]), f"{detail} (used at {pointer(here)})"
    if isinstance(reference, ParameterRef):
        return ("parameters", reference.name, *place[len(where) :]), f"{detail} (used at {pointer(here)})"
    if isinstance(reference, Gather):
        return (*here, "gather"), f"run {'/'.join(map(str, place[len(where) :]))}: {detail}"
    return here, detail


def _check_size(graph: Graph) -> None:
    """Refuses before multiplying out: a product of axes is soon beyond what anyone means."""

    def times(axes: tuple[str, ...]) -> int:
        return math.prod(len(graph.values[axis]) for axis in axes)

    jobs = sum(times(graph.axes[step]) for step in graph.templates)
    if jobs > MAX_NODES:
        refuse([(("sweep",), f"the axes multiply out to {jobs} jobs; an experiment has at most {MAX_NODES}")])
    for step, template in graph.templates.items():
        gathered = sum(times(run_axes(graph, run)) for run in runs(template))
        if gathered > MAX_GATHERED:
            refuse([(("steps", step), f"it gathers {gathered} runs; at most {MAX_GATHERED} are")])


def _with_heights(nodes: Mapping[str, Node]) -> dict[str, Node]:
    heights = dict.fromkeys(nodes, 1)
    for node in reversed(list(nodes.values())):
        for needed in node.needs | node.gathers:
            heights[needed] = max(heights[needed], heights[node.key] + 1)
    return {key: replace(node, height=heights[key]) for key, node in nodes.items()}
