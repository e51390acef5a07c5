"""What a request will take of its datasets is checked before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from services.gateway.catalogue import Catalogue
from services.gateway.experiments.builtin import BUILT_IN, called
from services.gateway.experiments.errors import InvalidRecipe
from services.gateway.experiments.expansion import expand
from services.gateway.experiments.row_counts import (
    Amount,
    highest_rho,
    require_advice_rows,
    require_rows,
)
from services.metrics.rows.mixing import mix
from services.metrics.rows.side import Side
from shared.contracts.advice import AdviceRequest, Search
from shared.contracts.experiment import ExperimentRequest, RecipeCall
from shared.contracts.mixture import added_rows
from shared.contracts.operations import OPERATIONS


def dataset(number: int) -> str:
    return f"dataset-{number:032x}"


REAL, TEST, POOL, OTHER = map(dataset, range(1, 5))


def advice(**changes: Any) -> AdviceRequest:
    whole = {
        "real": REAL, "test": TEST, "pools": {"near": POOL, "far": OTHER}, "base": "story-base", **changes,
    }  # fmt: skip
    return AdviceRequest.model_validate(whole)


def refused(request: AdviceRequest, *, contexts: bool = False, **rows: int) -> dict[str, str]:
    """Pointer → what is said, of the faults; empty where it is let through."""
    there = {"real": REAL, "pool": POOL, "other": OTHER}
    amounts = {there[name]: Amount(count, contexts) for name, count in rows.items()}
    try:
        require_advice_rows(request, amounts.get)
    except InvalidRecipe as found:
        return {fault.pointer: fault.detail for fault in found.errors}
    return {}


def test_a_pool_that_is_too_small_for_the_range_is_named_with_what_to_do() -> None:
    found = refused(advice(size=150), real=300, pool=40, other=1350)
    assert set(found) == {"/pools/near"}
    assert "1,350" in found["/pools/near"]
    assert "search.high to 0.2" in found["/pools/near"]


def test_what_is_told_to_do_is_enough() -> None:
    assert refused(advice(size=150, search={"high": 0.2}), real=300, pool=40, other=1350) == {}
    assert refused(advice(size=4), real=300, pool=40, other=1350) == {}


@pytest.mark.parametrize(("rows", "enough"), [(17_999, False), (18_000, True)])
def test_two_thousand_real_rows_need_eighteen_thousand_of_a_pool_at_nine_tenths(
    rows: int, enough: bool
) -> None:
    found = refused(advice(size=2000), real=2500, pool=rows, other=18_000)
    assert (found == {}) == enough


@pytest.mark.parametrize(("size", "enough"), [(240, True), (241, False)])
def test_what_is_held_back_to_choose_by_is_not_trained_on(size: int, enough: bool) -> None:
    found = refused(advice(size=size), real=300, pool=10**5, other=10**5)
    assert set(found) == (set() if enough else {"/size"})


def test_of_contexts_that_stay_together_only_what_is_certain_is_refused() -> None:
    many = {"pool": 10**5, "other": 10**5}
    assert refused(advice(size=290), real=300, contexts=True, **many) == {}
    assert set(refused(advice(size=301), real=300, contexts=True, **many)) == {"/size"}


def test_datasets_of_which_nothing_is_known_are_let_through() -> None:
    assert refused(advice(size=150)) == {}


def test_the_highest_share_is_that_of_the_grid() -> None:
    assert highest_rho(Search()) == pytest.approx(0.9)
    assert highest_rho(Search(low=0.1, high=0.88, step=0.25)) == pytest.approx(0.85)


@pytest.mark.parametrize("rho", [0.0, 0.1, 1 / 3, 0.5, 0.65, 0.9])
@pytest.mark.parametrize("real", [1, 7, 150])
def test_a_mixture_adds_as_many_rows_as_are_reckoned_with(rho: float, real: int) -> None:
    own, pool = [f"r{n}" for n in range(real)], [f"g{n}" for n in range(2000)]
    mixture = mix(Side(own), Side(pool), rho=rho, mode="additive", size=real, seed=1)
    assert mixture.generated_amount == added_rows(real, rho)


def faults(name: str, parameters: dict[str, Any], rows: dict[str, int]) -> set[str]:
    known = BUILT_IN[name]
    inputs = {input_: dataset(place) for place, input_ in enumerate(known["inputs"], 1)}
    call = RecipeCall(recipe=name, inputs=inputs, parameters=parameters)
    recipe = ExperimentRequest.model_validate(called(call, BUILT_IN))
    amounts = {inputs[input_]: Amount(count, False) for input_, count in rows.items()}
    try:
        require_rows(expand(recipe, Catalogue(OPERATIONS)), amounts.get)
    except InvalidRecipe as found:
        return {fault.pointer for fault in found.errors}
    return set()


def test_a_recipe_is_refused_where_it_takes_more_real_rows_than_there_are() -> None:
    assert "/parameters/size" in faults("mixing-additive", {"size": 500}, {"real": 200, "test": 50})
    assert faults("mixing-additive", {"size": 100}, {"real": 200, "test": 50}) == set()


def test_a_recipe_is_refused_where_it_generates_less_than_it_mixes() -> None:
    found = faults("mixing-additive", {"size": 100, "rows": 500}, {"real": 200, "test": 50})
    assert found == {"/sweep/rho/4"}  # at 0.9 it takes 900


def test_a_ladder_runs_on_any_number_of_real_rows() -> None:
    assert faults("diversity-ladder", {}, {"real": 60, "test": 50}) == set()
