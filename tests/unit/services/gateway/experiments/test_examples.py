"""The recipes that come with the project are such as the gateway takes."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from services.gateway.catalogue import Catalogue
from services.gateway.documents.reading import read_document
from services.gateway.experiments.builtin import BUILT_IN
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.schema import recipe_schema
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.operations import OPERATIONS

RECIPES = sorted((Path(__file__).parents[5] / "examples" / "recipes").glob("*.yaml"))


def test_there_are_recipes() -> None:
    assert RECIPES


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_bundled_recipe_can_be_run(path: Path) -> None:
    document = read_document(path.read_bytes(), "application/yaml", 2**18)
    plan = expand(ExperimentRequest.model_validate(document), Catalogue(OPERATIONS))
    assert plan.report.request.operation == "report"
    assert list(jsonschema.Draft202012Validator(recipe_schema(OPERATIONS)).iter_errors(document)) == []


def test_an_example_is_the_built_in_recipe_of_its_name() -> None:
    for path in RECIPES:
        document = read_document(path.read_bytes(), "application/yaml", 2**18)
        assert document == BUILT_IN[path.stem]


def test_the_ladder_tries_each_level_beside_the_real_rows_and_in_their_place() -> None:
    plan = expand(ExperimentRequest.model_validate(BUILT_IN["diversity-ladder"]), Catalogue(OPERATIONS))
    runs = plan.report.request.canonical()["runs"]
    levels = ["D1", "D2", "D3"]
    assert [(run["name"], run["design"], run["pool"]) for run in runs] == [
        ("real", "alone", None),
        *((f"real + {level}", "in_addition_to", level) for level in levels),
        *((level, "in_place_of", level) for level in levels),
        *((f"real rows {share}", "alone", None) for share in ("20 %", "40 %", "70 %", "100 %")),
        ("untuned", None, None),
    ]
    assert [run["axes"]["level"] for run in runs[1:4]] == [1, 10, 100]


@pytest.mark.parametrize("name", ["diversity-ladder", "paraphrase-ladder", "sources"])
def test_the_rows_that_end_a_training_are_in_no_training(name: str) -> None:
    """Real rows come into a study through two splits that share none; what ends each training is one of them,
    the same for all, and everything else is made of the other."""
    recipe = ExperimentRequest.model_validate(BUILT_IN[name])
    plan = expand(recipe, Catalogue(OPERATIONS))
    real = recipe.inputs["real"]
    readers = [node for node in plan.nodes.values() if real in node.request.input_artifacts().values()]
    splits = {node.step: node.request.canonical() for node in readers if node.request.operation == "split"}
    assert {node.step for node in readers} == set(splits) == {"kept", "validation"}
    assert splits["kept"]["take"] != splits["validation"]["take"]
    assert splits["kept"] == splits["validation"] | {"take": splits["kept"]["take"]}
    validation = plan.nodes["validation"].artifact
    users = [node for node in plan.nodes.values() if validation in node.request.input_artifacts().values()]
    trainings = [node for node in plan.nodes.values() if node.request.operation == "train"]
    assert users == trainings
    assert all(node.request.input_artifacts()["validation"] == validation for node in trainings)
    assert all(recipe.inputs["test"] != node.request.input_artifacts()["validation"] for node in trainings)
    assert {node.request.canonical()["settings"]["early_stopping"] is None for node in trainings} == {False}


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_run_of_a_study_says_what_it_is_tested_as(name: str) -> None:
    request = expand(ExperimentRequest.model_validate(BUILT_IN[name]), Catalogue(OPERATIONS)).report.request
    asked = request.canonical()
    designs = {run["label"] or run["name"]: run["design"] for run in asked["runs"]}
    designs.pop(asked["untuned"], None)
    assert designs.pop(asked["baseline"]) == "alone"
    assert set(designs.values()) <= {"in_addition_to", "in_place_of", "alone"}
    assert set(designs.values()) != {"alone"}  # some are the learning curve's, others are generated
