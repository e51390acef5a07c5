"""Several test sets for studies that were written for one."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from services.gateway.experiments.advice import advice_recipe
from services.gateway.experiments.builtin import BUILT_IN, called
from shared.contracts.advice import AdviceRequest
from shared.contracts.experiment import ExperimentRequest, RecipeCall


def dataset(number: int) -> str:
    return f"dataset-{number:032x}"


OWN, GENERAL = dataset(90), dataset(91)
TESTS = {"own": {"dataset": OWN}, "general": {"dataset": GENERAL, "role": "keep", "margin": 0.05}}


def requests(document: ExperimentRequest, operation: str) -> list[Any]:
    return [step.request for step in document.steps.values() if step.operation == operation]


def recipe(name: str, **body: Any) -> ExperimentRequest:
    inputs = {key: dataset(place) for place, key in enumerate(BUILT_IN[name]["inputs"]) if key != "test"}
    inputs |= body.pop("inputs", {})
    call = RecipeCall.model_validate({"recipe": name, "inputs": inputs, **body})
    return ExperimentRequest.model_validate(called(call, BUILT_IN))


@pytest.mark.parametrize("name", [name for name, known in BUILT_IN.items() if "test" in known["inputs"]])
def test_every_study_is_tested_on_every_set(name: str) -> None:
    found = recipe(name, tests=TESTS, answers={"metrics": ["f1"]})
    assert found.inputs["test"] == OWN
    tested = [request for request in requests(found, "evaluate") if "tests" in request]
    assert tested
    for request in tested:
        assert request["tests"] == {
            "own": {"dataset": {"input": "test"}, "role": "improve"},
            "general": {"dataset": {"input": "test-general"}, "role": "keep"},
        }
        assert request["answers"]["metrics"] == ["f1"]
    assert found.inputs["test-general"] == GENERAL
    assert not [
        request for request in requests(found, "evaluate") if request.get("dataset") == {"input": "test"}
    ]
    assert [request["tests"] for request in requests(found, "report")] == [{"general": {"margin": 0.05}}]


def test_a_test_set_that_is_given_as_ever_is_called_test() -> None:
    found = recipe("mixing-additive", inputs={"test": dataset(7)}, tests={"general": TESTS["general"]})
    names = [list(request["tests"]) for request in requests(found, "evaluate")]
    assert set(map(tuple, names)) == {("test", "general")}
    assert found.inputs["test"] == dataset(7)


def test_without_them_a_study_is_what_it_was() -> None:
    found = recipe("mixing-additive", inputs={"test": OWN})
    assert all(request["dataset"] == {"input": "test"} for request in requests(found, "evaluate"))
    assert all("tests" not in request for request in requests(found, "report"))


def test_advice_compares_on_every_set_and_searches_on_none_of_them() -> None:
    body = {"real": dataset(1), "pools": {"one": dataset(2)}, "base": "small", "size": 50}
    found = advice_recipe(AdviceRequest.model_validate({**body, "tests": TESTS}))
    tested = {name: step.request for name, step in found.steps.items() if step.operation == "evaluate"}
    assert {name for name, request in tested.items() if "tests" in request} == {
        "tested",
        "tested_real",
        "tested_untuned",
    }
    assert found.inputs["test"] == OWN
    assert AdviceRequest.model_validate({**body, "test": OWN}).tests == {}


@pytest.mark.parametrize(
    "tests",
    [
        {"general": {"dataset": GENERAL, "role": "keep"}},
        {"Own": {"dataset": OWN}},
        {"own": {"dataset": OWN, "role": "win"}},
        {"own": {"dataset": OWN, "margin": -1}},
        [],
    ],
)
def test_what_are_no_test_sets_are_refused(tests: Any) -> None:
    body = {"real": dataset(1), "pools": {"one": dataset(2)}, "base": "small", "size": 50}
    with pytest.raises(ValidationError):
        AdviceRequest.model_validate({**body, "tests": tests})
