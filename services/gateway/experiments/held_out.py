"""Several test sets in a study that was written for one: evaluations on `test` become ones on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.gateway.documents.reading import Document
from shared.contracts.experiment import RecipeTest
from shared.contracts.training.held_out import SHORT_FORM, AnswerScoring

OWN = {"input": "test"}
"""How a recipe's evaluations and reports name its test set."""


def with_test_sets(
    document: Document, tests: Mapping[str, RecipeTest], answers: AnswerScoring | None
) -> Document:
    """The recipe with these test sets beside its own input `test`, and with task metrics. One that is the
    same dataset as `test` gives that its name. Without either, the recipe as it stands."""
    if not tests and answers is None:
        return document
    own = document["inputs"].get("test")
    sets = {_input_of(name, test, own): (name, test) for name, test in tests.items()}
    named: Document = {} if "test" in sets else {SHORT_FORM: {"dataset": OWN, "role": "improve"}}
    named |= {name: {"dataset": {"input": place}, "role": test.role} for place, (name, test) in sets.items()}
    margins = {name: {"margin": test.margin} for name, test in tests.items() if test.role == "keep"}
    named = named if tests else {}
    steps = {step: _step(body, named, margins, answers) for step, body in document["steps"].items()}
    inputs = {place: test.dataset for place, (_, test) in sets.items()}
    return {**document, "inputs": {**document["inputs"], **inputs}, "steps": steps}


def _input_of(name: str, test: RecipeTest, own: str | None) -> str:
    """The recipe's input that holds this test set."""
    return "test" if test.dataset == own and test.role == "improve" else f"test-{name}"


def _step(body: Document, named: Document, margins: Document, answers: AnswerScoring | None) -> Document:
    request: dict[str, Any] = body["request"]
    if body["operation"] == "evaluate" and request.get("dataset") == OWN:
        request = dict(request)
        if named:
            del request["dataset"]
            request["tests"] = named
        if answers is not None:
            request["answers"] = answers.model_dump(mode="json")
    elif body["operation"] == "report" and margins:
        request = {**request, "tests": margins}
    return {**body, "request": request}
