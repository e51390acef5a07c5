"""No context is in two splits, no row is lost, and the shares are met as nearly as the groups allow."""

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.metrics.rows.splitting import split
from tests.unit.services.metrics.refusals import refused

SHARES = {"train": 0.8, "val": 0.1, "test": 0.1}


@given(st.lists(st.integers(0, 200), min_size=30, max_size=150), st.integers(0, 2**31))
def test_groups_stay_together_and_no_row_is_lost(contexts: list[int], seed: int) -> None:
    groups = [f"story {context}" for context in contexts]
    assume(len(set(groups)) > 20)
    ids = [str(row) for row in range(len(groups))]
    parts = split(ids, SHARES, groups=groups, seed=seed)
    assert sorted(row for part in parts.values() for row in part) == sorted(ids)
    seen = [{groups[int(row)] for row in part} for part in parts.values()]
    assert sum(len(part) for part in seen) == len(set.union(*seen))
    largest = max(Counter(groups).values())
    for name, share in SHARES.items():
        assert len(parts[name]) - share * len(ids) < largest


@given(st.integers(30, 200), st.integers(0, 2**31))
def test_without_groups_every_split_is_within_a_row_of_its_share(count: int, seed: int) -> None:
    ids = [str(row) for row in range(count)]
    parts = split(ids, SHARES, seed=seed)
    assert sorted(row for part in parts.values() for row in part) == sorted(ids)
    for name, share in SHARES.items():
        assert abs(len(parts[name]) - share * count) <= 1


def test_rows_keep_their_order() -> None:
    ids = [str(row) for row in range(100)]
    part = split(ids, SHARES, seed=0)["train"]
    assert part == sorted(part, key=int)


@pytest.mark.parametrize("shares", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": float("nan"), "b": 0.5}])
def test_shares_must_add_up(shares: dict[str, float]) -> None:
    with refused("bad_shares"):
        split(["a", "b"], shares, seed=0)


def test_an_empty_split_is_refused() -> None:
    with refused("empty_split"):
        split(["a", "b", "c", "d"], {"train": 0.5, "test": 0.5}, groups=["x"] * 4, seed=0)
