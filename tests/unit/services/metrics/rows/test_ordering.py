"""A seeded order does not depend on how rows are stored, and its prefixes are fair to every stratum."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.problems import Unmeasurable
from services.metrics.rows.ordering import seeded_order, stratified_order
from tests.unit.services.metrics.refusals import refused

unique_ids = st.lists(st.text(max_size=8), unique=True, max_size=60)
seeds = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@given(unique_ids, seeds)
def test_order_is_a_permutation_that_ignores_storage_order(ids: list[str], seed: int) -> None:
    order = seeded_order(ids, seed)
    assert sorted(order) == sorted(ids)
    assert order == seeded_order(ids[::-1], seed)


@given(unique_ids, seeds, st.data())
def test_rows_keep_their_places_when_others_join(ids: list[str], seed: int, data: st.DataObject) -> None:
    some = [row for row in ids if data.draw(st.booleans())]
    assert seeded_order(some, seed) == [row for row in seeded_order(ids, seed) if row in set(some)]


def test_seeds_give_different_orders() -> None:
    ids = [str(number) for number in range(50)]
    assert len({tuple(seeded_order(ids, seed)) for seed in range(20)}) == 20


def test_lone_surrogates_are_ids_too() -> None:
    assert sorted(seeded_order(["\ud800", "a"], 0)) == ["a", "\ud800"]


def test_an_id_that_occurs_twice_is_refused() -> None:
    with pytest.raises(Unmeasurable) as caught:
        seeded_order(["a", "b", "a"], 0)
    assert caught.value.code == "duplicate_ids"


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=80), seeds)
def test_every_prefix_holds_each_stratum_in_proportion(strata: list[str], seed: int) -> None:
    ids = [str(number) for number in range(len(strata))]
    stratum_of = dict(zip(ids, strata, strict=True))
    sizes = Counter(strata)
    order = stratified_order(ids, strata, seed)
    assert sorted(order) == sorted(ids)
    held: Counter[str] = Counter()
    for length, row in enumerate(order, start=1):
        held[stratum_of[row]] += 1
        for stratum, size in sizes.items():
            share = length * size / len(ids)
            assert abs(held[stratum] - share) <= 1.5 + len(sizes) * size / (2 * len(ids))


def test_strata_must_match_the_rows() -> None:
    with refused("strata_mismatch"):
        stratified_order(["a", "b"], ["x"], 0)
