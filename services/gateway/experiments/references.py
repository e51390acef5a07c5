"""The references in a step's request: found once, then replaced by what they stand for.

`parse` turns plain JSON into the same JSON with `Reference` objects in it (a *template*); `fill` turns a
template into plain JSON again. Neither knows what the names mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from services.gateway.documents.pointers import Place

Template = dict[str, Any]
"""JSON in which any value may be a reference: a request, or a run that is gathered."""
Templates = dict[str, Template]
"""The requests of a recipe, by step."""


class BadReference(ValueError):
    """A reference that is not written as one; `place` is where."""

    def __init__(self, place: Place, detail: str) -> None:
        super().__init__(detail)
        self.place = place
        self.detail = detail


@dataclass(frozen=True)
class InputRef:
    name: str


@dataclass(frozen=True)
class ParameterRef:
    name: str
    inside: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepRef:
    name: str


@dataclass(frozen=True)
class AxisRef:
    name: str
    inside: tuple[str, ...] = ()
    """Keys into the value, where it is a mapping: `{axis: amount.rows}`."""


@dataclass(frozen=True)
class LabelRef:
    name: str


@dataclass(frozen=True)
class RecipeRef:
    pass


@dataclass(frozen=True)
class Literal:
    value: Any


@dataclass(frozen=True)
class Gather:
    """Runs to be repeated for every value of the axes that their steps depend on."""

    runs: tuple[Template, ...]


Reference = InputRef | ParameterRef | StepRef | AxisRef | LabelRef | RecipeRef | Literal | Gather
_NAMED: dict[str, type[InputRef | StepRef | LabelRef]] = {
    "input": InputRef,
    "step": StepRef,
    "label": LabelRef,
}
_KEYS = frozenset({*_NAMED, "axis", "parameter", "gather", "this", "literal"})


def parse(value: Any, place: Place = ()) -> Any:
    """The template of a JSON value. Raises `BadReference`."""
    if isinstance(value, list):
        return [parse(item, (*place, number)) for number, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (key := next(iter(value))) in _KEYS:
        return _reference(key, value[key], (*place, key))
    return {key: parse(item, (*place, key)) for key, item in value.items()}


def _reference(key: str, value: Any, place: Place) -> Reference:
    if key == "literal":
        return Literal(value)
    if key == "gather":
        return _gather(value, place)
    if not isinstance(value, str):
        raise BadReference(place, f"a name stands here, not {type(value).__name__}")
    if key == "this":
        if value != "recipe":
            raise BadReference(place, "the only thing `this` can name is `recipe`")
        return RecipeRef()
    if key in ("axis", "parameter"):
        name, *inside = value.split(".")
        return AxisRef(name, tuple(inside)) if key == "axis" else ParameterRef(name, tuple(inside))
    return _NAMED[key](value)


def _gather(value: Any, place: Place) -> Gather:
    if not isinstance(value, list) or not value or not all(isinstance(run, dict) for run in value):
        raise BadReference(place, "write a list of runs, each a mapping such as {dataset: {step: NAME}}")
    runs = tuple(parse(run, (*place, number)) for number, run in enumerate(value))
    for number, run in enumerate(runs):
        if not isinstance(run, dict) or any(isinstance(ref, Gather) for _, ref in references(run)):
            raise BadReference((*place, number), "a run is a mapping, and holds no `gather` of its own")
        own = run.get("axes", {})
        if not isinstance(own, dict) or not all(
            isinstance(value, str | int | float) for value in own.values()
        ):
            detail = "a gathered run gets its axes by itself; those of its own are plain values by name"
            raise BadReference((*place, number, "axes"), detail)
    return Gather(runs)


def references(
    template: Any, place: Place = (), *, gathered: bool = True
) -> Iterator[tuple[Place, Reference]]:
    """Every reference and where it stands; those in a gather's runs too, unless `gathered` is False."""
    if isinstance(template, Reference):
        yield place, template
        if gathered and isinstance(template, Gather):
            for number, run in enumerate(template.runs):
                yield from references(run, (*place, "gather", number))
    elif isinstance(template, dict | list):
        for step, item in template.items() if isinstance(template, dict) else enumerate(template):
            yield from references(item, (*place, step), gathered=gathered)


def runs(template: Any) -> Iterator[Template]:
    """The runs of every gather in a template."""
    for _, reference in references(template, gathered=False):
        if isinstance(reference, Gather):
            yield from reference.runs


def fill(template: Any, meaning: Callable[[Reference], Any]) -> Any:
    """The plain JSON of a template, every reference replaced by its meaning."""
    if isinstance(template, Reference):
        return meaning(template)
    if isinstance(template, dict):
        return {key: fill(item, meaning) for key, item in template.items()}
    if isinstance(template, list):
        return [fill(item, meaning) for item in template]
    return template


def inside(value: Any, keys: tuple[str, ...]) -> Any:
    """What lies below the keys. Raises LookupError where there is no such key."""
    for key in keys:
        if not isinstance(value, dict):
            raise LookupError(key)
        value = value[key]
    return value


def at(template: Any, place: Place) -> tuple[Place, Reference] | None:
    """The first reference on the way to a place, with the part of the way up to it."""
    for depth in range(len(place) + 1):
        if isinstance(template, Reference):
            return place[:depth], template
        try:
            template = template[place[depth]]
        except (LookupError, TypeError):  # the place is absent, or a mark of pydantic's own
            return None
    return None
