"""The recipes that come with the project are such as the gateway takes."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from services.gateway.catalogue import Catalogue
from services.gateway.documents.reading import read_document
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


def test_the_ladder_has_a_run_for_each_level_and_one_for_the_real_rows() -> None:
    [path] = [path for path in RECIPES if path.stem == "diversity-ladder"]
    document = read_document(path.read_bytes(), "application/yaml", 2**18)
    plan = expand(ExperimentRequest.model_validate(document), Catalogue(OPERATIONS))
    runs = plan.report.request.canonical()["runs"]
    assert [run["name"] for run in runs] == ["real", "D1", "D2", "D3", "D4", "untuned"]
    assert [run["axes"].get("topics") for run in runs] == [None, 1, 5, 20, 100, None]
