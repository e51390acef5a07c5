"""The graph of a recipe's steps, before any axis is multiplied out: references resolved, cycles refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

from services.gateway.catalogue import Operations, suggestion
from services.gateway.documents.pointers import Place
from services.gateway.experiments.errors import refuse
from services.gateway.experiments.references import (
    AxisRef,
    BadReference,
    InputRef,
    LabelRef,
    ParameterRef,
    Reference,
    StepRef,
    Template,
    Templates,
    inside,
    parse,
    references,
)
from shared.contracts.base import ArtifactKind, Queue
from shared.contracts.experiment import ExperimentRequest, Step, axis_values

Fault = tuple[Place, str]
_HAS_VALUES = (ArtifactKind.MEASUREMENT, ArtifactKind.EVALUATION)


@dataclass(frozen=True)
class Graph:
    """A recipe whose references all lead somewhere.

    `templates` are in an order in which every step comes after those it refers to; `axes` are the axes that
    each step is repeated for, in the recipe's order; `values` are the axes as label → value.
    """

    recipe: ExperimentRequest
    templates: Templates
    axes: dict[str, tuple[str, ...]]
    values: dict[str, Template]

    def needed(self, step: str) -> set[str]:
        """The steps whose artifacts a step cannot do without: what it reads, and what its gate looks at."""
        return _needed(self.recipe, self.templates, step)


def make_graph(recipe: ExperimentRequest, operations: Operations) -> Graph:
    """Raises `InvalidRecipe`, with a pointer to every place that is wrong."""
    faults: list[Fault] = []
    templates = {}
    for name, step in recipe.steps.items():
        faults += _operation_faults(name, step, operations)
        try:
            templates[name] = parse(step.request)
        except BadReference as bad:
            faults.append((("steps", name, "request", *bad.place), bad.detail))
            continue
        faults += _name_faults(recipe, name, templates[name])
        faults += _inside_faults(recipe, name, templates[name])
        faults += _gate_faults(recipe, name, step, operations)
    refuse(faults)
    refuse(_report_faults(recipe, operations))
    order = _order(recipe, templates)
    axes = _axes(recipe, templates, order)
    refuse(_idle_faults(recipe, templates))
    if axes[recipe.report]:
        across = " and ".join(axes[recipe.report])
        refuse([(("report",), f"{recipe.report} is repeated over {across}: gather its runs into one report")])
    return Graph(
        recipe,
        {name: templates[name] for name in order},
        axes,
        {name: axis_values(axis) for name, axis in recipe.sweep.items()},
    )


def needed_steps(template: Any) -> set[str]:
    """The steps that a template, or a run of a gather, needs; not those inside its gathers."""
    return {ref.name for _, ref in references(template, gathered=False) if isinstance(ref, StepRef)}


def own_axes(template: Any) -> set[str]:
    """The axes that a template, or a run of a gather, refers to directly; not those inside its gathers."""
    return {
        ref.name for _, ref in references(template, gathered=False) if isinstance(ref, AxisRef | LabelRef)
    }


def _operation_faults(name: str, step: Step, operations: Operations) -> Iterator[Fault]:
    allowed = [known for known, request in operations.items() if request.queue is not Queue.COORDINATE]
    if step.operation not in allowed:
        detail = f"there is no operation {step.operation!r}{suggestion(step.operation, allowed)}"
        yield ("steps", name, "operation"), detail


def _name_faults(recipe: ExperimentRequest, step: str, template: Any) -> Iterator[Fault]:
    kinds: dict[type[Reference], tuple[str, str, Iterable[str]]] = {
        InputRef: ("input", "input", recipe.inputs),
        ParameterRef: ("parameter", "parameter", recipe.parameters),
        StepRef: ("step", "step", recipe.steps),
        AxisRef: ("axis", "axis", recipe.sweep),
        LabelRef: ("label", "axis", recipe.sweep),
    }
    for place, reference in references(template):
        if isinstance(reference, InputRef | ParameterRef | StepRef | AxisRef | LabelRef):
            key, kind, known = kinds[type(reference)]
            if reference.name not in known:
                detail = f"there is no {kind} {reference.name!r}{suggestion(reference.name, known)}"
                yield ("steps", step, "request", *place, key), detail


def _inside_faults(recipe: ExperimentRequest, step: str, template: Any) -> Iterator[Fault]:
    """`{axis: amount.rows}` needs a mapping with `rows` in every value of the axis."""
    for place, reference in references(template):
        if isinstance(reference, AxisRef) and reference.name in recipe.sweep:
            values = list(axis_values(recipe.sweep[reference.name]).values())
        elif isinstance(reference, ParameterRef) and reference.name in recipe.parameters:
            values = [recipe.parameters[reference.name]]
        else:
            continue
        for value in values:
            try:
                inside(value, reference.inside)
            except LookupError:
                key = ".".join(reference.inside)
                kind = "axis" if isinstance(reference, AxisRef) else "parameter"
                yield ("steps", step, "request", *place, kind), f"a value of {reference.name} has no {key!r}"
                break


def _gate_faults(recipe: ExperimentRequest, name: str, step: Step, operations: Operations) -> Iterator[Fault]:
    if step.stop_if is None:
        return
    measuring = recipe.steps.get(step.stop_if.of)
    place: Place = ("steps", name, "stop_if", "of")
    if measuring is None:
        yield place, f"there is no step {step.stop_if.of!r}{suggestion(step.stop_if.of, recipe.steps)}"
    elif (known := operations.get(measuring.operation)) and known.produces not in _HAS_VALUES:
        yield place, f"step {step.stop_if.of} makes a {known.produces}, which holds no measured values"


def _report_faults(recipe: ExperimentRequest, operations: Operations) -> Iterator[Fault]:
    step = recipe.steps.get(recipe.report)
    if step is None:
        yield ("report",), f"there is no step {recipe.report!r}{suggestion(recipe.report, recipe.steps)}"
    elif operations[step.operation].produces is not ArtifactKind.REPORT:
        yield ("report",), f"step {recipe.report} makes no report; name the step that does"


def _needed(recipe: ExperimentRequest, templates: Templates, step: str) -> set[str]:
    gate = recipe.steps[step].stop_if
    return needed_steps(templates[step]) | ({gate.of} if gate else set())


def _order(recipe: ExperimentRequest, templates: Templates) -> list[str]:
    needs = {
        name: {ref.name for _, ref in references(template) if isinstance(ref, StepRef)}
        | _needed(recipe, templates, name)
        for name, template in templates.items()
    }
    try:
        return list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = list(reversed(error.args[1]))  # each step beside the one it refers to
        first = min(circle[:-1], key=list(templates).index)  # told from the recipe's first step on
        turn = circle.index(first)
        circle = [*circle[turn:-1], *circle[:turn], first]
        detail = f"the steps refer to each other in a circle: {' → '.join(circle)}"
        refuse([(_reference_place(templates, circle[0], circle[1]), detail)])
        raise AssertionError from error  # refuse has raised


def _reference_place(templates: Templates, step: str, to: str) -> Place:
    for place, reference in references(templates[step]):
        if isinstance(reference, StepRef) and reference.name == to:
            return ("steps", step, "request", *place, "step")
    return ("steps", step, "stop_if", "of")


def _axes(recipe: ExperimentRequest, templates: Templates, order: list[str]) -> dict[str, tuple[str, ...]]:
    """A step is repeated for the axes it refers to and those of the steps it needs; a gather ends them."""
    axes: dict[str, tuple[str, ...]] = {}
    for name in order:
        found = own_axes(templates[name])
        for needed in _needed(recipe, templates, name):
            found.update(axes[needed])
        axes[name] = tuple(axis for axis in recipe.sweep if axis in found)
    return axes


def _idle_faults(recipe: ExperimentRequest, templates: Templates) -> Iterator[Fault]:
    """What is declared and never used is a slip of the pen, and its author should know."""
    used = [ref for template in templates.values() for _, ref in references(template)]
    axes = {ref.name for ref in used if isinstance(ref, AxisRef | LabelRef)}
    given = {ref.name for ref in used if isinstance(ref, InputRef)}
    parameters = {ref.name for ref in used if isinstance(ref, ParameterRef)}
    for axis in recipe.sweep:
        if axis not in axes:
            yield ("sweep", axis), f"no step refers to this axis; write {{axis: {axis}}} where it belongs"
    for name in recipe.inputs:
        if name not in given:
            yield ("inputs", name), f"no step refers to this input; write {{input: {name}}} where it belongs"
    for name in recipe.parameters:
        if name not in parameters:
            detail = f"no step refers to this parameter; write {{parameter: {name}}} where it belongs"
            yield ("parameters", name), detail
