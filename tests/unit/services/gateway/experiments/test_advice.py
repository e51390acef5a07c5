"""Advice is an experiment of rungs."""

from __future__ import annotations

from collections import Counter
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.advice import advice_recipe
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.schema import recipe_schema
from shared.contracts.advice import AdviceRequest, ProposalRequest
from shared.contracts.experiment import ExperimentRequest
from shared.contracts.mixture import MixtureRequest
from shared.contracts.operations import OPERATIONS
from shared.contracts.training.requests import TrainingRequest


def dataset(number: int) -> str:
    return f"dataset-{number:032x}"


def request(**changes: Any) -> AdviceRequest:
    whole = {
        "real": dataset(1), "test": dataset(2), "pools": {"Gen-D1": dataset(3), "Gen-D5": dataset(4)},
        "base": "story-base", "size": 90, "proxy_steps": 5, **changes,
    }  # fmt: skip
    return AdviceRequest.model_validate(whole)


def test_each_rung_is_smaller_in_number_and_larger_in_rows() -> None:
    plan = expand(advice_recipe(request()), Catalogue(OPERATIONS))
    sizes = Counter(
        node.request.size for node in plan.nodes.values() if isinstance(node.request, ProposalRequest)
    )
    assert sizes == {10: 9, 30: 4, 90: 1}  # 9, then 3 survivors and a new one, then the best
    trained = {
        node.step: node.request.settings.max_steps
        for node in plan.nodes.values()
        if isinstance(node.request, TrainingRequest)
    }
    assert trained == {"trained0": 5, "trained1": 15, "trained": None, "trained_real": None}


def test_the_test_set_is_only_for_the_end() -> None:
    plan = expand(advice_recipe(request()), Catalogue(OPERATIONS))
    for node in plan.nodes.values():
        if node.step.startswith("tested"):
            on_test = node.request.canonical()["dataset"] == dataset(2)
            assert on_test == (node.step in ("tested", "tested_real", "tested_untuned"))


def test_a_proposal_sees_everything_of_the_rungs_before() -> None:
    plan = expand(advice_recipe(request()), Catalogue(OPERATIONS))
    found = plan.nodes["mixture1[slot1=0]"].request
    assert isinstance(found, ProposalRequest)
    assert len({tried.evaluation for tried in found.history}) == 9
    assert (found.keep, found.slot) == (3, 0)
    last = plan.nodes["recommended"].request
    assert isinstance(last, ProposalRequest)
    assert Counter(tried.axes["rung"] for tried in last.history) == {0: 9, 1: 4}


@pytest.mark.parametrize(
    ("trials", "reduction", "rungs"), [(9, 3, [9, 3, 1]), (2, 3, [2, 1]), (8, 2, [8, 4, 2, 1])]
)
def test_rungs(trials: int, reduction: int, rungs: list[int]) -> None:
    assert request(trials=trials, reduction=reduction).rungs == rungs


def test_a_search_of_one_rung_still_ends_with_a_recommendation() -> None:
    plan = expand(advice_recipe(request(trials=2)), Catalogue(OPERATIONS))
    assert plan.report.request.operation == "report"
    assert sum(isinstance(node.request, ProposalRequest) for node in plan.nodes.values()) == 3


def test_an_upside_down_range_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"low \(0.9\) is above high \(0.1\)"):
        request(search={"low": 0.9, "high": 0.1})


def test_a_seed_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValidationError, match="a seed stands here twice"):
        request(seeds=[0, 0])


def test_a_blend_is_a_candidate_made_of_its_pools() -> None:
    plan = expand(advice_recipe(request(blends={"both": {"Gen-D1": 3, "Gen-D5": 1}})), Catalogue(OPERATIONS))
    blend = plan.nodes["blend0"]
    assert isinstance(blend.request, MixtureRequest)
    assert {name: part.weight for name, part in blend.request.named_parts.items()} == {
        "Gen-D1": 3,
        "Gen-D5": 1,
    }
    assert blend.request.input_artifacts() == {"parts/0/dataset": dataset(3), "parts/1/dataset": dataset(4)}
    proposals = [n.request for n in plan.nodes.values() if isinstance(n.request, ProposalRequest)]
    assert all(
        proposal.pools == {"Gen-D1": dataset(3), "Gen-D5": dataset(4), "both": blend.artifact}
        for proposal in proposals
    )


@pytest.mark.parametrize(
    "blends",
    [
        {"both": {"Gen-D1": 1}},
        {"both": {"Gen-D1": 1, "else": 1}},
        {"Gen-D1": {"Gen-D1": 1, "Gen-D5": 1}},
        {"both": {"Gen-D1": 1, "Gen-D5": 0}},
    ],
)
def test_what_is_no_blend_of_the_pools_is_refused(blends: Any) -> None:
    with pytest.raises(ValidationError):
        request(blends=blends)


def test_a_recipe_takes_weights_from_an_axis() -> None:
    """As docs/mixtures.md shows it."""
    parts = [
        {"name": "real", "dataset": {"input": "real"}, "weight": 1},
        {"name": "one", "dataset": {"input": "one"}, "weight": {"axis": "blend.one"}},
        {"name": "two", "dataset": {"input": "two"}, "weight": {"axis": "blend.two"}},
    ]
    recipe = ExperimentRequest.model_validate(
        {
            "name": "blends",
            "inputs": {"real": dataset(1), "one": dataset(2), "two": dataset(3)},
            "sweep": {"blend": {"one": {"one": 1, "two": 0}, "both": {"one": 0.5, "two": 0.5}}},
            "steps": {
                "mixed": {"operation": "mix", "request": {"mode": "additive", "parts": parts}},
                "answer": {
                    "operation": "report",
                    "request": {"runs": {"gather": [{"name": "mixed", "dataset": {"step": "mixed"}}]}},
                },
            },
            "report": "answer",
        }
    )
    plan = expand(recipe, Catalogue(OPERATIONS))
    mixed = [node.request for node in plan.nodes.values() if isinstance(node.request, MixtureRequest)]
    weights = [[part.weight for part in request.named_parts.values()] for request in mixed]
    assert weights == [[1, 1, 0], [1, 0.5, 0.5]]
    schema = recipe_schema(OPERATIONS)
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(recipe.canonical())) == []
