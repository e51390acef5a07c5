"""The recipes that come with the gateway: the papers' studies, each a file beside this package."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from services.gateway.catalogue import suggestion
from services.gateway.documents.reading import Document, read_document
from services.gateway.experiments.errors import refuse
from services.gateway.experiments.graph import Fault
from services.gateway.experiments.held_out import with_test_sets
from shared.contracts.experiment import RecipeCall
from shared.errors import NotFound

FOLDER = Path(__file__).parents[1] / "recipes"


class RecipeNotFound(NotFound):
    """There is no such recipe. `GET /v1/recipes` lists those there are."""


def read_recipes(folder: Path = FOLDER) -> dict[str, Document]:
    """The recipes' documents by name."""
    return {
        path.stem: read_document(path.read_bytes(), "application/yaml", 2**18)
        for path in sorted(folder.glob("*.yaml"))
    }


BUILT_IN: Mapping[str, Document] = read_recipes()


def called(call: RecipeCall, recipes: Mapping[str, Document]) -> Document:
    """The whole recipe that a call means. Raises `InvalidRecipe` for names that the recipe does not have."""
    known = recipes.get(call.recipe)
    if known is None:
        refuse([(("recipe",), f"there is no recipe {call.recipe!r}{suggestion(call.recipe, recipes)}")])
        raise AssertionError  # refuse has raised
    refuse(_unknown_names(call, known))
    whole = {
        **known,
        "inputs": call.inputs,
        "parameters": {**known.get("parameters", {}), **call.parameters},
        "sweep": {**known["sweep"], **call.sweep},
    }
    if call.stop_if:
        gates = {step: {"stop_if": gate.model_dump()} for step, gate in call.stop_if.items()}
        whole["steps"] = {step: body | gates.get(step, {}) for step, body in known["steps"].items()}
    whole = with_test_sets(whole, call.tests, call.answers)
    if call.name is not None:
        whole["name"] = call.name
    if call.budget is not None:
        whole["budget"] = call.budget.model_dump(exclude_none=True)
    if call.stop is not None:
        whole["stop"] = call.stop.model_dump()
    return whole


def _unknown_names(call: RecipeCall, known: Document) -> Iterator[Fault]:
    kinds: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
        "inputs": (call.inputs, known["inputs"]),
        "parameters": (call.parameters, known.get("parameters", {})),
        "sweep": (call.sweep, known["sweep"]),
        "stop_if": (call.stop_if, known["steps"]),
    }
    for place, (given, there) in kinds.items():
        for name in given:
            if name not in there:
                yield (place, name), f"{call.recipe} has no {name!r}{suggestion(name, there)}"
    for name in known["inputs"]:
        if name not in call.inputs:
            yield ("inputs", name), f"{call.recipe} needs the id of a dataset here"
